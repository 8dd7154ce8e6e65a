"""One login at 127.0.0.1:2222 as a program does it: argv is LIBRARY ACCOUNT GIVEN.

LIBRARY is paramiko or asyncssh; GIVEN is JSON: {"key": FILE or null, "answers": {PROMPT: ANSWER}}.
Prints JSON: {"in": whether id -un said ACCOUNT and SFTP works, "prompts": [...]}.
"""

import asyncio
import json
import sys

library, account, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
prompts = []


def answers_to(asked):
    prompts.extend(asked)
    return [given["answers"].get(prompt, "") for prompt in asked]


def by_paramiko():
    import paramiko

    transport = paramiko.Transport(("127.0.0.1", 2222))
    try:
        transport.start_client(timeout=30)
        left = ["keyboard-interactive"]
        if given["key"]:
            key = paramiko.Ed25519Key.from_private_key_file(given["key"])
            left = transport.auth_publickey(account, key)
        if left:
            transport.auth_interactive(
                account, lambda title, text, asked: answers_to([prompt for prompt, _ in asked])
            )
        session = transport.open_session()
        session.exec_command("id -un")
        said = session.makefile().read().decode().strip()
        home = paramiko.SFTPClient.from_transport(transport).normalize(".")
        return said == account and home == f"/home/{account}"
    except paramiko.AuthenticationException:
        return False
    finally:
        transport.close()


async def by_asyncssh():
    import asyncssh

    class Client(asyncssh.SSHClient):
        def kbdint_auth_requested(self):
            return ""

        def kbdint_challenge_received(self, name, instructions, lang, asked):
            return answers_to([prompt for prompt, _ in asked])

    options = {"client_keys": [given["key"]] if given["key"] else None, "agent_path": None}
    try:
        async with asyncssh.connect(
            "127.0.0.1",
            2222,
            username=account,
            known_hosts=None,
            config=None,
            client_factory=Client,
            preferred_auth="publickey,keyboard-interactive",
            **options,
        ) as connection:
            said = (await connection.run("id -un")).stdout.strip()
            async with connection.start_sftp_client() as sftp:
                home = await sftp.realpath(".")
            return said == account and home == f"/home/{account}"
    except (asyncssh.PermissionDenied, asyncssh.ProtocolError) as refusal:
        # Without an end to its questions, asyncssh is sent away after MaxAuthTries.
        assert isinstance(refusal, asyncssh.PermissionDenied) or "Too many" in str(refusal)
        return False


is_in = by_paramiko() if library == "paramiko" else asyncio.run(by_asyncssh())
print(json.dumps({"in": is_in, "prompts": prompts}))
