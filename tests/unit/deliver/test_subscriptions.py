"""The file of subscriptions: private, outside of stores and sites, refused in a line that shows nothing."""

import os
from dataclasses import replace

import pytest

from selvawatch.deliver.recipients import key_path, recipient_key
from selvawatch.deliver.subscriptions import read_subscriptions
from selvawatch.errors import DeliveryError

MAIL = """
[channels.mail]
kind = "email"
host = "smtp.example.org"
sender = "alertas@example.org"
user = "env:USER_OF_MAIL"
password = "env:PASSWORD_OF_MAIL"
"""
ANA = """
[[subscription]]
name = "ana"
channel = "mail"
to = "env:ANA"
"""
KNOWN = {"USER_OF_MAIL": "selva", "PASSWORD_OF_MAIL": "a-secret", "ANA": "ana@example.org"}


@pytest.fixture
def laid(tmp_path):
    """Write a text as subscriptions beside a store and read it."""

    def lay(text, mode=0o600, environment=KNOWN, name="subscriptions.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)  # noqa: PTH101
        return read_subscriptions(path, tmp_path / "store", environment)

    return lay


def test_variables_of_the_environment_stand_for_addresses_and_secrets(laid):
    found = laid(MAIL + ANA)
    assert found.subscriptions[0].to == "ana@example.org"
    assert found.settings_of("mail")["password"] == "a-secret" and found.kind_of("mail") == "email"
    assert not [text for text in ("a-secret", "ana@example.org") if text in repr(found)]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o620])
def test_a_file_that_others_may_read_or_write_is_refused(laid, mode):
    with pytest.raises(DeliveryError, match=f"got mode {mode:o}; needed mode 600; chmod 600"):
        laid(MAIL + ANA, mode)


@pytest.mark.parametrize("name", ["store/subscriptions.toml", "aoi/subscriptions.toml", "models/x.toml"])
def test_a_file_in_a_store_or_a_site_is_refused(laid, name):
    with pytest.raises(DeliveryError, match="outside the store|no part of a site"):
        laid(MAIL + ANA, name=name)


def test_a_link_into_a_store_is_refused(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "s.toml").write_text("")
    (tmp_path / "link.toml").symlink_to(tmp_path / "store" / "s.toml")
    with pytest.raises(DeliveryError, match="outside the store"):
        read_subscriptions(tmp_path / "link.toml", tmp_path / "store", {})


def test_a_missing_file_a_folder_and_a_pipe_are_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, said in (("none", "cannot be read"), ("pipe", "no plain file"), (".", "no plain file")):
        with pytest.raises(DeliveryError, match=said):
            read_subscriptions(tmp_path / name, tmp_path / "store", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff\xfe", "no TOML"),
        ("channels = [", "no TOML"),
        ("[channels]\n" + ANA, "the channel is not there; got mail"),
        (ANA, "channels: Field required"),
        (MAIL + ANA + ANA, "the name ana stands twice"),
        (MAIL + ANA + 'tire = "public"', "subscription.0.tire: it is not a known key"),
        (MAIL + ANA + 'cadence = "hourly"', "cadence: Input should be 'each-run', 'weekly' or '15-days'"),
        (MAIL + ANA + 'types = ["gold"]', "types: 'gold' is not there"),
        (MAIL + ANA + 'causes = ["theft"]', "causes: 'theft' is not there"),
        (MAIL + ANA + "least_ha = nan", "least_ha is no number of hectares"),
        (MAIL + ANA + "least_ha = -1", "least_ha is no number of hectares"),
        (MAIL + ANA + 'language = "qu"', "language: Input should be 'es' or 'en'"),
        (MAIL + ANA.replace("ana", "a b"), "name is not of letters"),
        (MAIL + ANA.replace("env:ANA", "env:NOBODY"), "'NOBODY' of the environment is not set"),
        (MAIL + ANA.replace("env:ANA", "hidden-recipient"), "ana: the recipient is no address"),
        (MAIL.replace("host", "hots") + ANA, "channels.mail: hots is not a known key"),
        (MAIL.replace("email", "pigeon") + ANA, "channels.mail: unknown channel; got pigeon"),
        (MAIL.replace('kind = "email"', "") + ANA, "channels.mail: it has no kind"),
        (MAIL + ANA + 'to2 = "hidden-recipient"', "to2"),
        ('[channels.t]\nkind = "telegram"\ntoken = "hidden-recipient"' + ANA, "channels.t"),
        (MAIL + ANA.replace("subscription", "operator") + 'notices = ["weather"]', "notices"),
        (
            '[channels.mail]\nkind = "webhook"\nsecret = "' + "s" * 24 + '"\nprivate_host = "hook.lan"'
            + ANA.replace("env:ANA", "http://hook.lan/x") + 'tier = "restricted"', "goes over no plain http",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line_that_shows_no_recipient_and_no_secret(laid, text, said):
    with pytest.raises(DeliveryError) as error:
        laid(text)
    line = str(error.value)
    assert said in line and len(line.splitlines()) == 1 and "subscriptions.toml" in line
    assert not [hidden for hidden in ("hidden-recipient", "a-secret", "ana@example.org") if hidden in line]


def test_a_channel_without_files_takes_no_formats(laid):
    bot = '[channels.mail]\nkind = "telegram"\ntoken = "1234:' + "x" * 30 + '"\n'
    with pytest.raises(DeliveryError, match="carries no files"):
        laid(bot + ANA.replace("env:ANA", "12") + 'formats = ["csv"]')


@pytest.mark.parametrize("other", ['tier = "restricted"', 'language = "en"'])
def test_a_recipient_in_two_tiers_or_languages_is_refused_without_being_shown(laid, other):
    second = ANA.replace("ana", "ana2").replace("env:ANA", "Ana@Example.org")
    laid(MAIL + ANA + second + 'areas = ["la-pampa"]')
    with pytest.raises(
        DeliveryError, match="ana2: its recipient has another (tier|language) in ana"
    ) as error:
        laid(MAIL + ANA + second + other)
    assert "example.org" not in str(error.value).lower()


def test_a_recipient_is_one_digest_whatever_the_case_of_its_letters_and_the_key_is_private(tmp_path):
    file = tmp_path / "subscriptions.toml"
    key = recipient_key(file, begun="")
    assert key_path(file).stat().st_mode & 0o777 == 0o600
    assert recipient_key(file, begun=key.check) == key
    assert (
        key.of("email", "Ana@Example.org")
        == key.of("email", "ana@example.org")
        != key.of("folder", "ana@example.org")
    )
    assert repr(key.key) not in repr(key)


def test_a_key_that_is_gone_damaged_or_another_stops_everything(tmp_path):
    file = tmp_path / "subscriptions.toml"
    key = recipient_key(file, begun="")
    content = key_path(file).read_bytes()
    key_path(file).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DeliveryError, match="damaged"):
        recipient_key(file, begun=key.check)
    key_path(file).unlink()
    with pytest.raises(DeliveryError, match="is gone"):
        recipient_key(file, begun=key.check)
    assert not key_path(file).exists()
    other = recipient_key(file, begun="")
    with pytest.raises(DeliveryError, match="another than the ledger"):
        recipient_key(file, begun=key.check)
    assert replace(other) != key


def test_a_trial_leaves_no_key(tmp_path):
    recipient_key(tmp_path / "subscriptions.toml", begun="", keep=False)
    assert list(tmp_path.iterdir()) == []
