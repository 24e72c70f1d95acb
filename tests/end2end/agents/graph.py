"""A program on LangGraph as somebody might write it, knowing nothing of Bursar: run by the tests, never imported.

Its session is its thread's id, told in a header as any program may. It tries more often than the SDK by itself, which
gives up within one and a half seconds: a meter that was killed takes about two to be back.
"""

import subprocess
import sys
from typing import Any

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

THREAD = "thread-1"


@tool
def shell(command: str) -> str:
    """Run a command."""
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout


headers = {"x-bursar-session": THREAD}
model = ChatOpenAI(model="gpt-5-mini", default_headers=headers, max_retries=6).bind_tools([shell])


def think(state: MessagesState) -> dict[str, Any]:
    """One turn of the model."""
    return {"messages": [model.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("think", think)
graph.add_node("tools", ToolNode([shell]))
graph.add_edge(START, "think")
graph.add_conditional_edges("think", tools_condition)
graph.add_edge("tools", "think")
ended = graph.compile().invoke({"messages": [("user", sys.argv[1])]})
sys.stdout.write(ended["messages"][-1].content)
