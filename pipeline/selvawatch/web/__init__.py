"""The one door to any network: addresses that are guarded, requests that are limited and tried again.

Public: `client` (Answer, GuardedAdapter, REDIRECTS, get, post), `limits` (AnswerLimits, LIMITS, LimitError,
body_of, check_json, parsed_json), `retry` (PassingError, RetryRule, StatusError, TokenError,
UnreachableError, UnsentError, is_passing, reason_of, retried), `range_file` (PATIENCE, RemoteFile, fetch),
`throttle` (AT_ONCE, turn_at, wait_gap), `traffic` (add_received, received_bytes), `addresses` (remote),
`guarded` (PrivateHostError, open_socket, trust), `signing` (PREFIX, address_of,
open_href, public_href, renewed, to_be_signed),
`tokens` (COPERNICUS_VARIABLE, EARTHDATA_VARIABLE, direct).
"""
