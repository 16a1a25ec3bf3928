"""Config: what cannot work is refused by name, and every field can be set by text."""

import math
from dataclasses import fields
from pathlib import Path

import pytest

from ebr_core.config import Config
from ebr_core.errors import ConfigError, EbrError


def test_the_defaults_are_those_of_the_rfc() -> None:
    config = Config()
    assert (config.t1, config.t2, config.t4, config.timer_d) == (0.5, 4.0, 5.0, 32.0)
    assert config.timer_c > 180.0  # 16.6 step 11
    assert (config.fr_timeout, config.fr_inv_timeout, config.wt_timer) == (None, None, None)
    assert (config.max_forwards, config.min_expires, config.default_expires) == (70, 60, 3600)
    assert not config.early_6xx


POSITIVE = ("t1", "t2", "t4", "timer_d", "timer_c", "trying_after", "max_suspension", "fr_timeout", "fr_inv_timeout", "wt_timer")
NOT_NEGATIVE = ("held_call_refresh", "cseq_delay", "default_expires", "min_expires", "max_expires", "max_contacts")
FROM_ONE = ("max_forwards", "max_branches", "max_message_size", "max_headers", "max_generations", "max_ready")


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in POSITIVE for text in ("0", "-1")])
def test_times_are_above_zero(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must be more than 0"):
        Config.from_settings({name: text})


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", [*POSITIVE, "held_call_refresh", "cseq_delay"])
def test_a_time_that_no_clock_reaches_is_refused_from_python_too(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        Config(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_zero_is_no_limit_and_less_is_nonsense(name: str) -> None:
    assert getattr(Config.from_settings({name: "0"}), name) == 0
    with pytest.raises(ConfigError, match=rf"^{name} cannot be negative"):
        Config.from_settings({name: "-1"})


@pytest.mark.parametrize("name", FROM_ONE)
def test_bounds_are_at_least_one(name: str) -> None:
    assert getattr(Config.from_settings({name: "1"}), name) == 1
    with pytest.raises(ConfigError, match=rf"^{name} must be at least 1"):
        Config.from_settings({name: "0"})


def test_settings_that_contradict_each_other_or_the_rfc() -> None:
    with pytest.raises(ConfigError, match="t2"):
        Config(t1=5.0)
    for status in (399, 700):
        with pytest.raises(ConfigError, match="invalid_cseq_status"):
            Config(invalid_cseq_status=status)
    # What is above cannot be written into a Max-Forwards that anybody reads (20.22).
    assert Config(max_forwards=255).max_forwards == 255
    with pytest.raises(ConfigError, match="max_forwards"):
        Config(max_forwards=256)


@pytest.mark.parametrize("server", ["a\r\nX: y", "a\0", "\udc00"])
def test_what_cannot_be_sent_is_no_server_name(server: str) -> None:
    with pytest.raises(ConfigError, match="server"):
        Config(server=server)


def test_domains_are_compared_in_lower_case() -> None:
    assert Config(domains=("Example.ORG",)).domains == ("example.org",)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("domains", "a.org, B.org,,", ("a.org", "b.org")),
        ("domains", "", ()),
        ("secret", "k\u00fc", "k\u00fc".encode()),
        ("secret", "none", None),
        ("server", "", ""),
        ("server", "none", "none"),  # a text, and no field that may be None
        ("t1", "0.25", 0.25),
        ("fr_timeout", "NONE", None),
        ("fr_inv_timeout", "5", 5.0),
        ("max_branches", "7", 7),
        ("early_6xx", "Yes", True),
        ("record_route", "off", False),
        ("use_domain", "0", False),
        ("raise_short_expires", "true", True),
    ],
)
def test_texts_are_read_as_the_type_of_their_field(name: str, text: str, value: object) -> None:
    found = getattr(Config.from_settings({name: text}), name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t1", "fast", r"^t1 takes a number, not 'fast'$"),
        ("t1", "none", r"^t1 takes a number"),
        ("t1", "nan", r"^t1 takes a number"),
        ("held_call_refresh", "inf", r"^held_call_refresh takes a number"),
        ("t4", "-inf", r"^t4 takes a number"),
        ("max_branches", "7.5", r"^max_branches takes a whole number, not '7.5'$"),
        ("early_6xx", "maybe", r"^early_6xx takes yes or no, not 'maybe'$"),
        ("tea", "1", r"^unknown setting 'tea'; there are: domains, secret, "),
    ],
)
def test_unreadable_texts_and_unknown_names_say_what_would_do(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Config.from_settings({name: text})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, EbrError)


def test_every_field_can_be_set_by_its_own_text() -> None:
    default = Config()
    settings = {}
    for field in fields(Config):
        value = getattr(default, field.name)
        settings[field.name] = ",".join(value) if isinstance(value, tuple) else str(value).lower()
    assert Config.from_settings(settings) == default
    assert Config.from_settings({}) == default


@pytest.mark.pure
def test_every_setting_is_used_somewhere_in_the_core() -> None:
    import ebr_core

    source = "".join(path.read_text() for path in Path(ebr_core.__file__).parent.rglob("*.py") if path.name != "config.py")
    unused = [field.name for field in fields(Config) if f".{field.name}" not in source]
    assert not unused
