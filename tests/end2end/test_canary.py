"""One marked provider key and one marked prompt, in tools too, through a whole session: found nowhere but at the
provider."""

import base64
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import anthropic
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.call_store import recent_calls
from app.ledger.engine import open_ledger
from app.ledger.meter_state import running_meter
from app.ledger.tool_store import tools_of_call
from tests.end2end import sdks
from tests.end2end.meter_process import wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion

pytestmark = pytest.mark.end2end

CANARY = "sk-proj-CANARY+mark/4711=abcdefghijklmnop"
PROMPT = "the plum CANARY sings at 4711"
CHECKOUT = Path(__file__).parents[2]


def spellings(secret: str) -> dict[str, bytes]:
    """The ways in which a key could stand somewhere without being seen at once."""
    raw = secret.encode()
    packed = {f"base64 from {shift}": base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)}
    return packed | {
        "plain": raw,
        "its beginning": raw[:20],
        "JSON": json.dumps(secret).replace("/", r"\/")[1:-1].encode(),
        "URL": quote(secret, safe="").encode(),
        "hexadecimal": raw.hex().encode(),
        "backwards": raw[::-1],
        "UTF-16": secret.encode("utf-16-le"),
    }


def found_in(data: bytes) -> list[str]:
    """Which spellings of the canary stand in the data."""
    found = [name for name, spelling in spellings(CANARY).items() if spelling in data]
    return [*found, "the prompt"] if PROMPT.encode() in data else found


@pytest.mark.parametrize("name", spellings(CANARY))
def test_the_search_finds_every_spelling(name: str) -> None:
    assert name in found_in(b"before " + spellings(CANARY)[name] + b" after")


@dataclass
class Session:
    """A machine with one `bursar proxy`: its folders, and all that was said on it."""

    folder: Path
    environment: dict[str, str]
    said: dict[str, bytes] = field(default_factory=dict)

    def bursar(self, *arguments: str, typed: str = "") -> None:
        """Run a command and keep what it says."""
        command = [sys.executable, "-m", "app", *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, input=typed.encode(), capture_output=True, check=False
        )
        self.said[" ".join(arguments)] = done.stdout + done.stderr

    def look_into_processes(self) -> None:
        """Keep the environment and the arguments of every process of this session."""
        mark = f"BURSAR_HOME={self.environment['BURSAR_HOME']}".encode()
        seen = 0
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (process / "environ").read_bytes()
                if mark in environment.split(b"\0") and int(process.name) != os.getpid():
                    seen += 1
                    self.said[f"environment of {process.name}"] = environment
                    self.said[f"arguments of {process.name}"] = (process / "cmdline").read_bytes()
        assert seen >= 1


@pytest.fixture
def session(tmp_path: Path, provider: Provider) -> Session:
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir(mode=0o700)
    settings = {"gateway_port": 0, "forward_port": 0, "upstreams": {"openai": provider.url, "anthropic": provider.url}}
    (tmp_path / "home" / "settings.json").write_text(json.dumps(settings))
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environment |= {"BURSAR_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(CHECKOUT)}
    environment |= {"HOME": str(tmp_path / "work"), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    return Session(tmp_path, environment)


def asking_for_a_tool() -> Answer:
    """An answer that puts the marked text into a tool call: its arguments, its id and its name."""
    arguments = json.dumps({"command": PROMPT})
    calls = [
        {"index": number, "id": mark, "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (mark, name) in enumerate((("call_1", "run"), (PROMPT, PROMPT)))
    ]
    choice = {"index": 0, "message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5-mini"}
    return Answer([json.dumps(whole | {"choices": [choice], "usage": usage}).encode()])


def echo(seen: Seen) -> Answer:
    """A provider that says back all it got, well or badly."""
    if b"TOOLS" in seen.body:
        return asking_for_a_tool()
    if b"FAIL" in seen.body:
        return Answer(
            [json.dumps(seen.headers).encode()],
            status=401,
            headers={"x-debug": quote(seen.headers.get("authorization", ""))},
        )
    if b"STREAM" in seen.body:
        seen.headers["as a URL"] = quote(seen.headers.get("authorization", ""), safe="")
        line = {"choices": [{"index": 0, "delta": {"content": json.dumps(seen.headers)}}]}
        text = b"data: " + json.dumps(line).encode() + b"\n\ndata: [DONE]\n\n"
        return Answer([text[:90], text[90:100], text[100:]], headers={"content-type": "text/event-stream"})
    return chat_completion(10, 5)


def call(gateway: str, token: str) -> list[str]:
    """Calls that go well, fail, stream and make no sense; what the agent saw of each."""
    client, other = sdks.openai_client(gateway, token), sdks.anthropic_client(gateway, token)
    seen = [client.chat.completions.create(model="gpt-5-mini", messages=[]).model_dump_json()]
    hello: list[ChatCompletionMessageParam] = [{"role": "user", "content": f"STREAM {PROMPT}"}]
    _use_tools(client)
    seen += [str(chunk) for chunk in client.chat.completions.create(model="gpt-5-mini", messages=hello, stream=True)]
    for failing in (
        client.with_options(api_key="bsr_wrong"),
        client.with_options(base_url=f"{gateway}/nowhere"),
        client,
    ):
        with pytest.raises(openai.APIStatusError) as error:
            failing.chat.completions.create(
                model="gpt-5-mini", messages=[{"role": "user", "content": f"FAIL {PROMPT}"}]
            )
        seen.append(f"{error.value} {error.value.body} {error.value.response.headers}")
    with pytest.raises(anthropic.APIStatusError) as refused:
        other.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "FAIL"}])
    return [*seen, f"{refused.value} {refused.value.body} {refused.value.response.headers}"]


def _use_tools(client: openai.OpenAI) -> None:
    """Tools are called with the marked text, and give it back: one with its call's id, one with an id of its own."""
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": f"TOOLS {PROMPT}"}]
    message = client.chat.completions.create(model="gpt-5-mini", messages=asked).choices[0].message
    asked.append(message.to_dict())  # type: ignore[arg-type]
    results = json.dumps({"error": PROMPT})
    asked += [{"role": "tool", "tool_call_id": call.id, "content": results} for call in message.tool_calls or ()]
    client.chat.completions.create(model="gpt-5-mini", messages=asked)


AGENT = "import os, sys; print(dict(os.environ)); print(open('/proc/self/cmdline').read())"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the environment of others")
def test_a_marked_key_is_found_nowhere_but_at_the_provider(session: Session, provider: Provider) -> None:
    provider.answer = echo
    keys = json.dumps({"openai": CANARY, "anthropic": CANARY})
    ledger = open_ledger(session.folder / "home" / "ledger.sqlite")
    _key, token = issue_key(ledger, name="agent", tags=Tags(project="p", agent="a", user="me"))
    with subprocess.Popen(
        [sys.executable, "-m", "app", "proxy", "--keys-from-stdin"],
        env=session.environment, cwd=session.folder / "work", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as proxy:  # fmt: skip
        assert proxy.stdin is not None
        proxy.stdin.write(keys.encode() + b"\n")
        proxy.stdin.flush()
        for crash in (signal.SIGSEGV, signal.SIGABRT, None):
            wait_until(lambda: running_meter(ledger) is not None, "a meter")
            meter = running_meter(ledger)
            assert meter is not None
            session.said[f"answers before {crash}"] = "\n".join(call(meter.gateway_url, token)).encode()
            session.look_into_processes()
            if crash is not None:
                os.kill(meter.pid, crash)
                wait_until(lambda pid=meter.pid: _is_another(running_meter(ledger), pid), "the next meter")  # type: ignore[misc]
        session.bursar("run", "--project", "p", "--", sys.executable, "-c", AGENT)
        for arguments in ("keys list", "keys provider list", "spend", "doctor", "caps list", "env", "ledger verify"):
            session.bursar(*arguments.split())
        session.bursar("keys", "provider", "set", "openai", typed=CANARY + "\n")
        session.bursar("keys", "provider", "set", CANARY)
        session.bursar("keys", "revoke", "agent")
        proxy.send_signal(signal.SIGTERM)
        session.said["bursar proxy"], _nothing = proxy.communicate(timeout=30)
    tools = [tool for call in recent_calls(ledger) for tool in tools_of_call(ledger, call.call_id)]
    assert {(tool.name, tool.outcome) for tool in tools if tool.has_result} == {
        ("run", "failed"),
        ("(unreadable)", "failed"),
    }
    ledger.close()
    assert any(seen.headers.get("authorization") == f"Bearer {CANARY}" for seen in provider.seen)
    session.said.pop(f"keys provider set {CANARY}", None)
    _assert_nowhere(session)


def _is_another(meter: object, pid: int) -> bool:
    return meter is not None and getattr(meter, "pid", pid) != pid


def _assert_nowhere(session: Session) -> None:
    files = [path for path in session.folder.rglob("*") if path.is_file()]
    assert {"ledger.sqlite", "meter.log", "settings.json", "mitmproxy-ca.pem"} <= {path.name for path in files}
    assert not [path for path in files if path.name.startswith("core")]
    held = session.said | {str(path.relative_to(session.folder)): path.read_bytes() for path in files}
    assert {name: found for name, data in held.items() if (found := found_in(data))} == {}
