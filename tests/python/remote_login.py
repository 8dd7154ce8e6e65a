"""A stock client signs in over the network, with a code.

argv: the URI. stdin: root's password, then its secret, a line each. Prints "done".
"""

import json
import ssl
import sys
import time

import pyotp
import websocket

uri = sys.argv[1]
password, secret = sys.stdin.read().split("\n")[:2]
authenticator = pyotp.TOTP(secret)


def code(steps):
    return authenticator.at(time.time() + 30 * steps)


class Stock:
    """What the original's Client(uri, verify_ssl=False) does on the wire: first of all it sets its
    options and subscribes to jobs, and forgives that with errno 207 alone."""

    def __init__(self):
        options = {"cert_reqs": ssl.CERT_NONE}
        self.connection = websocket.create_connection(uri, sslopt=options, timeout=20)
        self.last = 0
        wanted = {"legacy_jobs": False, "private_methods": False, "py_exceptions": False}
        assert self.call("core.set_options", wanted) == wanted
        error = self.request("core.subscribe", "core.get_jobs")["error"]
        assert error["data"]["error"] == 207, error

    def request(self, method, *params):
        self.last += 1
        message = {"jsonrpc": "2.0", "method": method, "id": self.last, "params": params}
        self.connection.send(json.dumps(message))
        reply = json.loads(self.connection.recv())
        assert reply["id"] == self.last, reply
        return reply

    def call(self, method, *params):
        return self.request(method, *params)["result"]

    def login_with_password(self, username, password, otp_token=None):
        """The last answer of the server."""
        login = {"mechanism": "PASSWORD_PLAIN", "username": username, "password": password}
        answer = self.call("auth.login_ex", login)["response_type"]
        if answer == "OTP_REQUIRED" and otp_token is not None:
            login = {"mechanism": "OTP_TOKEN", "otp_token": otp_token}
            answer = self.call("auth.login_ex_continue", login)["response_type"]
        return answer


first = code(0)
stock = Stock()
assert stock.login_with_password("root", password) == "OTP_REQUIRED"
assert stock.request("auth.me")["error"]["data"]["error"] == 207
assert stock.login_with_password("root", "wrong", first) == "AUTH_ERR"
assert stock.login_with_password("root", password, "000000") == "AUTH_ERR"
assert stock.login_with_password("root", password, first) == "SUCCESS"
assert stock.call("auth.me")["pw_name"] == "root"
assert stock.call("core.subscribe", "core.get_jobs")
assert Stock().login_with_password("root", password, first) == "AUTH_ERR", "a replay"
# That of 22.12.
assert Stock().call("auth.login", "root", password) is False
second = code(1)
assert Stock().call("auth.login", "root", password, second) is True
assert Stock().call("auth.login", "root", password, second) is False

print("done")
