from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("llm", ["inspect"])
def test_the_demo_gets_every_answer_it_has_to_get(llm: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OPENAI_BASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.demo"],
        env={**environment, "EDGE_LLM_URL": llm},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 queries, 0 wrong" in done.stdout
    assert "<EMAIL_1>" in done.stdout
    assert done.stderr == ""
