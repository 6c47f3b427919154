"""The one door to any network: addresses that are guarded, requests that are limited and tried again."""
