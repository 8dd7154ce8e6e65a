"""Codes by pyotp. Each line of standard input is a JSON object, answered with one line.

{"uri": U, "times": [T...]} or {"secret": S, "digits": D, "interval": I, "times": [T...]},
times in seconds since 1970; the answer is the list of codes.
"""

import json
import sys

import pyotp

for line in sys.stdin:
    asked = json.loads(line)
    if "uri" in asked:
        totp = pyotp.parse_uri(asked["uri"])
    else:
        totp = pyotp.TOTP(
            asked["secret"], digits=asked["digits"], interval=asked["interval"]
        )
    # TOTP.at() goes through a datetime, which ends in the year 9999; the counter does not.
    codes = [totp.generate_otp(time // totp.interval) for time in asked["times"]]
    print(json.dumps(codes), flush=True)
