"""An agent of one's own on a provider's SDK, the shortest there is: run by the tests, never imported.

`sdk_loop.py openai|anthropic PROMPT`. It names its session itself, and tries more often than an SDK by itself, which
gives up within one and a half seconds: a meter that was killed takes about two to be back.
"""

import json
import subprocess
import sys
from typing import Any

SESSION = {"x-bursar-session": "loop-1"}
RETRIES = 6


def main() -> None:
    """Work until the model asks for no more commands."""
    talk = {"openai": talk_to_openai, "anthropic": talk_to_anthropic}[sys.argv[1]]
    sys.stdout.write(talk(sys.argv[2]))


def run(command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout


def talk_to_openai(prompt: str) -> str:
    """Chat Completions. Returns the last word."""
    from openai import OpenAI

    client = OpenAI(default_headers=SESSION, max_retries=RETRIES)
    schema = {"type": "object", "properties": {"command": {"type": "string"}}}
    tools: Any = [{"type": "function", "function": {"name": "shell", "parameters": schema}}]
    messages: list[Any] = [{"role": "user", "content": prompt}]
    while True:
        said: Any = (
            client.chat.completions.create(model="gpt-5-mini", messages=messages, tools=tools).choices[0].message
        )
        if not said.tool_calls:
            return str(said.content)
        messages.append(said.model_dump(exclude_none=True))
        for call in said.tool_calls:
            result = run(json.loads(call.function.arguments)["command"])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def talk_to_anthropic(prompt: str) -> str:
    """Messages, streamed. Returns the last word."""
    from anthropic import Anthropic

    client = Anthropic(default_headers=SESSION, max_retries=RETRIES)
    schema = {"type": "object", "properties": {"command": {"type": "string"}}}
    tools: Any = [{"name": "bash", "input_schema": schema}]
    messages: list[Any] = [{"role": "user", "content": prompt}]
    while True:
        with client.messages.stream(
            model="claude-haiku-4-5", max_tokens=1000, messages=messages, tools=tools
        ) as stream:
            said: Any = stream.get_final_message()
        [block] = said.content
        if block.type != "tool_use":
            return str(block.text)
        result = {"type": "tool_result", "tool_use_id": block.id, "content": run(block.input["command"])}
        messages += [{"role": "assistant", "content": [block.model_dump()]}, {"role": "user", "content": [result]}]


main()
