"""The library pytruenas as a program would use it: argv[1] is the socket's URI."""

import sys

import pyotp
import pytruenas

uri = sys.argv[1]


def refused(error, call, *args):
    try:
        answer = call(*args)
    except error as raised:
        return raised
    raise AssertionError(f"{call} answered {answer!r}")


with pytruenas.TrueNASClient(uri) as client:
    twofactor = client.api.auth.twofactor
    assert client.ping() == "pong"

    row = twofactor.config()
    assert list(row) == [
        "id", "otp_digits", "secret", "window", "interval", "services", "enabled",
    ], row
    assert row["secret"] is None and row["enabled"] is False, row

    off = refused(pytruenas.ClientException, twofactor.verify, "123456")
    assert "Please enable Two Factor Authentication first." in str(off), off
    assert off.errno == 14, off.errno

    with client.conn.subscribe("auth.twofactor.config") as subscription:
        row = twofactor.update({"enabled": True, "window": 1})
        event = next(subscription.events(timeout=10))
        assert event.msg == "changed" and event.fields["enabled"] is True, event
        assert "secret" not in event.fields, event
    assert row["enabled"] is True and len(row["secret"]) == 32, row

    wrong = refused(
        pytruenas.ValidationErrors, twofactor.update, {"window": 11, "interval": 4}
    )
    assert wrong.errors == [
        ("auth_twofactor_update.window", "Should be between 0 and 10", 22),
        ("auth_twofactor_update.interval", "Should be between 5 and 3600", 22),
    ], wrong.errors

    authenticator = pyotp.parse_uri(twofactor.provisioning_uri())
    code = authenticator.now()
    assert twofactor.verify(code) is True
    assert twofactor.verify(code) is False
    assert twofactor.verify(None) is False

    assert twofactor.renew_secret() is True
    assert twofactor.config()["secret"] != row["secret"]

    assert client.api.core.get_jobs() == []
    refused(pytruenas.ClientException, client.api.pool.query)

    row = twofactor.update({"enabled": False})
    assert row["enabled"] is False and row["secret"], row

print("done")
