"""What the original's own midclt does on the wire, by the library that it uses.

argv: the socket, the method, its params as a JSON list. Prints the result as JSON.
"""

import json
import socket
import sys
import uuid

import websocket

path, method, params = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

stream = socket.socket(socket.AF_UNIX)
stream.settimeout(10)
stream.connect(path)
connection = websocket.WebSocket()
connection.connect("ws://localhost/api/current", socket=stream, timeout=10)
assert connection.status == 101, connection.status
assert connection.headers.get("sec-websocket-extensions") is None


def call(method, *params):
    ident = str(uuid.uuid4())
    request = {"jsonrpc": "2.0", "method": method, "id": ident, "params": list(params)}
    connection.send(json.dumps(request))
    reply = json.loads(connection.recv())
    assert reply["jsonrpc"] == "2.0" and reply["id"] == ident, reply
    return reply


options = {"legacy_jobs": False, "private_methods": False, "py_exceptions": False}
assert call("core.set_options", options)["result"] == options
# Only errno 207 would be forgiven here; anything else ends the original's command.
subscription = call("core.subscribe", "core.get_jobs")["result"]
assert str(uuid.UUID(subscription)) == subscription, subscription

reply = call(method, *params)

# A close with 1000 and no reason, answered with the same.
connection.send_close()
answer = connection.recv_frame()
assert answer.opcode == websocket.ABNF.OPCODE_CLOSE, answer
assert answer.data == b"\x03\xe8", answer
assert stream.recv(1) == b"", "the daemon did not end the connection"

print(json.dumps(reply.get("result", reply.get("error"))))
