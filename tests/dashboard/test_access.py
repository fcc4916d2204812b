from __future__ import annotations

import pytest

from edge_runtime.dashboard.access import SESSION_S, Access
from edge_runtime.dashboard.errors import ForeignRequestError, MediaTypeError, SignInError
from edge_runtime.errors import ConfigError

TOKEN = "a token that nobody guesses"
JSON = {"content-type": "application/json", "host": "127.0.0.1:8090"}


def local() -> Access:
    return Access(TOKEN, only_local=True)


def cookie_of(set_cookie: str) -> dict[str, str]:
    return {"cookie": set_cookie.partition(";")[0]}


def test_the_token_opens_a_session_that_its_cookie_carries() -> None:
    access = local()
    set_cookie = access.sign_in(TOKEN)
    access.check_session(cookie_of(set_cookie))
    assert "HttpOnly" in set_cookie
    assert "SameSite=Strict" in set_cookie
    assert TOKEN not in set_cookie


@pytest.mark.parametrize("wrong", ["", TOKEN[:-1], TOKEN + "x", "ä", "\ud800"])
def test_another_token_opens_nothing(wrong: str) -> None:
    with pytest.raises(SignInError):
        local().sign_in(wrong)


def test_a_cookie_of_nobody_is_refused() -> None:
    access = local()
    name = access.sign_in(TOKEN).partition("=")[0]
    for cookie in ("", f"{name}=", f"{name}=guessed", "a=b;;=;\x00", f"other={'x' * 43}"):
        with pytest.raises(SignInError):
            access.check_session({"cookie": cookie})


def test_a_session_ends_when_signed_out_or_old() -> None:
    now = 0.0
    access = Access(TOKEN, only_local=True, clock=lambda: now)
    one, other = cookie_of(access.sign_in(TOKEN)), cookie_of(access.sign_in(TOKEN))
    assert "Max-Age=0" in access.sign_out(one)
    with pytest.raises(SignInError):
        access.check_session(one)
    access.check_session(other)
    now = SESSION_S + 1
    with pytest.raises(SignInError):
        access.check_session(other)


def test_only_so_many_sessions_are_open() -> None:
    access = local()
    sessions = [cookie_of(access.sign_in(TOKEN)) for _ in range(40)]
    access.check_session(sessions[-1])
    with pytest.raises(SignInError):
        access.check_session(sessions[0])


def test_dashboards_on_one_host_do_not_share_a_cookie() -> None:
    one, other = local(), Access(TOKEN[::-1], only_local=True)
    assert one.sign_in(TOKEN).partition("=")[0] != other.sign_in(TOKEN[::-1]).partition("=")[0]


def test_over_https_the_cookie_is_for_this_host_alone() -> None:
    set_cookie = Access(TOKEN, only_local=False, secure=True).sign_in(TOKEN)
    assert set_cookie.startswith("__Host-")
    assert set_cookie.endswith("; Secure")
    assert "Domain" not in set_cookie


@pytest.mark.parametrize("host", ["localhost:8090", "127.0.0.1:8090", "[::1]:8090", "LOCALHOST"])
def test_this_machine_is_answered_under_its_names(host: str) -> None:
    local().check_host({"host": host})


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example:8090", "192.168.1.5", "[", "127.0.0.1@x"]
)
def test_a_name_that_leads_here_by_a_name_server_is_refused(host: str) -> None:
    with pytest.raises(ForeignRequestError):
        local().check_host({"host": host})


def test_on_a_network_addresses_and_given_names_are_answered() -> None:
    access = Access(TOKEN, only_local=False, host_names=["Pi.local"])
    for host in ("192.168.1.5:8090", "pi.local", "PI.LOCAL:8090", "[fe80::1]:8090"):
        access.check_host({"host": host})
    for host in ("evil.example", "pi.local.evil.example"):
        with pytest.raises(ForeignRequestError):
            access.check_host({"host": host})


def test_behind_a_proxy_it_answers_to_the_name_that_was_given() -> None:
    access = Access(TOKEN, only_local=True, host_names=["board.example"])
    access.check_host({"host": "board.example"})
    access.check_origin({**JSON, "host": "board.example", "origin": "https://board.example"})
    with pytest.raises(ForeignRequestError):
        access.check_host({"host": "192.168.1.5"})


def test_the_page_itself_may_send() -> None:
    local().check_origin(
        {**JSON, "origin": "http://127.0.0.1:8090", "sec-fetch-site": "same-origin"}
    )
    local().check_origin(JSON)


@pytest.mark.parametrize(
    "more",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:8091"},
     {"origin": "http://127.0.0.1"}, {"sec-fetch-site": "cross-site"},
     {"sec-fetch-site": "same-site"}],
)  # fmt: skip
def test_another_site_may_not_send(more: dict[str, str]) -> None:
    with pytest.raises(ForeignRequestError):
        local().check_origin({**JSON, **more})


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_a_form_could_send_is_refused(kind: str) -> None:
    with pytest.raises(MediaTypeError):
        local().check_origin({**JSON, "content-type": kind})


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="too easy to guess"):
        Access("secret", only_local=True)
