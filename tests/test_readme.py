"""What the README shows of the message layer is run as it stands there."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_messages_section(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, section = README.read_text().partition("\n## SIP messages by themselves\n")
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    exec(compile(found.group(1), str(README), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["192.0.2.7 sip:bob@example.org 1", "Bob 0.7 60 +12015550123", "uac", "SIP/2.0 200 OK"]
    assert "To: <sip:bob@example.org>;tag=2" in lines
