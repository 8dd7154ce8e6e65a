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
        interval, otp = totp.interval, totp
    else:
        # pyotp's TOTP ends at steps of 120 s and at the year 9999; its HOTP has neither limit.
        interval = asked["interval"]
        otp = pyotp.HOTP(asked["secret"], digits=asked["digits"])
    codes = [otp.generate_otp(time // interval) for time in asked["times"]]
    print(json.dumps(codes), flush=True)
