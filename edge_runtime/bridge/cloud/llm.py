"""The large model beside a worker; the only import of openai, when one is made."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from edge_runtime.bridge.cloud.prompt import build_messages
from edge_runtime.bridge.mqtt.broker import is_loopback
from edge_runtime.bridge.mqtt.credentials import read_secret, read_secret_file
from edge_runtime.errors import ConfigError
from edge_runtime.messages import ErrorInfo, Escalation, Reply

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

_log = logging.getLogger(__name__)

INSPECT = "inspect"
_LIST_TIMEOUT_S = 10.0
_NO_KEY = "none"  # the client insists on one; local endpoints ignore it
_KEY_VARIABLES = ("EDGE_LLM_API_KEY", "OPENAI_API_KEY")
_RETRY_AFTER_S = 5.0
_CREDENTIALS = {401, 403}
_RETRYABLE = {408, 409, 425}
_SERVER_ERROR = 500
_TOO_MANY = 429


class Llm(Protocol):
    """Answers escalations; reports every failure in the reply and never raises or retries."""

    @property
    def name(self) -> str:
        """What is asked, for people."""

    @property
    def price(self) -> Price | None:
        """What it costs, where that is known."""

    def __call__(self, escalation: Escalation) -> Reply:
        """Return the answer or why there is none; called from several threads."""

    def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    prompt_usd: float
    generation_usd: float

    def cost_usd(self, prompt_tokens: int, generation_tokens: int) -> float:
        """Return what a call costs."""
        total = prompt_tokens * self.prompt_usd + generation_tokens * self.generation_usd
        return total / 1_000_000


def make_llm(  # noqa: PLR0913 - all but the URL are keywords
    url: str,
    *,
    model: str | None = None,
    key_file: Path | None = None,
    price: Price | None = None,
    timeout_s: float = 60.0,
    max_tokens: int = 512,
    allow_plain: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Llm:
    """Return the model at an OpenAI-compatible endpoint, or ``inspect``, which asks nobody.

    Without a name, the endpoint is asked for its models, and the only one is taken.

    The key comes from ``key_file``, else from ``EDGE_LLM_API_KEY`` or ``OPENAI_API_KEY``, or the
    file that the same name with ``_FILE`` names; local endpoints work without one. A local
    endpoint without a price is taken to be free.

    Raises:
        ConfigError: the URL is wrong or not encrypted, the model has no name and is not the only
            one, a key file cannot be used, or the extra ``cloud`` is not installed.
    """
    if url == INSPECT:
        return Inspect()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"http", "https"}:
        raise ConfigError(f"the LLM {url!r} is neither {INSPECT!r} nor an http(s) URL")
    if parts.scheme == "http" and not (allow_plain or is_loopback(host)):
        raise ConfigError(
            f"http://{host} would send texts unencrypted; use https://, or allow it explicitly"
        )
    if key_file is not None:
        key: str | None = read_secret_file(key_file)
    else:
        found = (read_secret(environ, name) for name in _KEY_VARIABLES)
        key = next((each for each in found if each is not None), None)
    if price is None and is_loopback(host):
        price = Price(0.0, 0.0)
    return OpenAiCompatible(
        url, model, key=key, price=price, timeout_s=timeout_s, max_tokens=max_tokens
    )


class Inspect:
    """Needs no LLM: replies with exactly what one would have received."""

    name = INSPECT
    price: Price | None = Price(0.0, 0.0)

    def __call__(self, escalation: Escalation) -> Reply:
        """Return the messages, labelled as such."""
        messages = [f"--- {role} ---\n{content}" for role, content in build_messages(escalation)]
        label = "[inspect: no LLM was asked; this is what one would have received]"
        return Reply(
            id=escalation.id,
            text="\n".join([label, *messages]),
            model=INSPECT,
            finish_reason="stop",
            verbatim=True,
        )

    def close(self) -> None:
        """Nothing is open."""


class OpenAiCompatible:
    """An endpoint with the chat completions of OpenAI; made by ``make_llm``.

    Raises:
        ConfigError: the extra ``cloud`` is not installed.
    """

    def __init__(
        self,
        url: str,
        model: str | None,
        *,
        key: str | None,
        price: Price | None,
        timeout_s: float,
        max_tokens: int,
    ) -> None:
        try:
            import openai  # noqa: PLC0415 - takes 0.7 s, and nodes do not have it
        except ImportError as exc:
            raise ConfigError(
                "the OpenAI client is missing; run: pip install 'edge-runtime[cloud]'"
            ) from exc
        self.price = price
        self._openai = openai
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        # the node owns every retry
        self._client = openai.OpenAI(base_url=url, api_key=key or _NO_KEY, max_retries=0)
        self.name = model or self._only_model(url)

    def __call__(self, escalation: Escalation) -> Reply:
        """Ask once; every failure is an error in the reply."""
        refused = self._over_budget(escalation)
        if refused is not None:
            return Reply(id=escalation.id, error=refused)
        timeout_s = self._timeout_s
        if escalation.deadline_ms is not None:
            timeout_s = min(timeout_s, escalation.deadline_ms / 1000)
        started = time.perf_counter()
        try:
            completion = self._client.chat.completions.create(
                model=self.name,
                messages=[_message(*each) for each in build_messages(escalation)],
                max_tokens=self._max_tokens,
                timeout=timeout_s,
            )
            reply = self._reply(escalation, completion, (time.perf_counter() - started) * 1000)
        except self._openai.APIStatusError as exc:
            return Reply(id=escalation.id, error=_status_error(exc))
        except self._openai.APITimeoutError:
            return Reply(id=escalation.id, error=_unavailable("the LLM did not answer in time"))
        except self._openai.APIConnectionError:
            return Reply(id=escalation.id, error=_unavailable("the LLM cannot be reached"))
        except Exception as exc:  # noqa: BLE001 - what endpoints send is not always what they say
            _log.warning("the LLM sent something that is not a completion: %s", type(exc).__name__)
            return Reply(id=escalation.id, error=_unavailable("the LLM's answer is not valid"))
        return reply

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _only_model(self, url: str) -> str:
        try:
            names = [model.id for model in self._client.models.list(timeout=_LIST_TIMEOUT_S)]
        except Exception as exc:
            self.close()
            raise ConfigError(
                f"which model? {url} does not list its models; name one with --model"
            ) from exc
        if len(names) != 1:
            self.close()
            some = ", ".join(names[:5]) or "none"
            raise ConfigError(f"which model? {url} has {some}; name one with --model")
        return names[0]

    def _reply(self, escalation: Escalation, completion: ChatCompletion, took_ms: float) -> Reply:
        choice = completion.choices[0]
        text = choice.message.content
        if not text:
            return Reply(id=escalation.id, error=_unavailable("the LLM's answer is empty"))
        usage = completion.usage
        prompt_tokens = usage.prompt_tokens if usage else 0
        generation_tokens = usage.completion_tokens if usage else 0
        price = self.price or Price(0.0, 0.0)
        return Reply(
            id=escalation.id,
            text=text,
            model=completion.model or self.name,
            cost_usd=price.cost_usd(prompt_tokens, generation_tokens),
            prompt_tokens=prompt_tokens,
            generation_tokens=generation_tokens,
            finish_reason=choice.finish_reason,
            cloud_ms=round(took_ms, 3),
        )

    def _over_budget(self, escalation: Escalation) -> ErrorInfo | None:
        limit_usd = escalation.max_cost_usd
        if limit_usd is None:
            return None
        if self.price is None:
            return _budget("the worker does not know the price of its LLM")
        # three bytes a token: most texts have four or five, so this errs on the dear side
        size_bytes = sum(len(content.encode()) for _, content in build_messages(escalation))
        estimate_usd = self.price.cost_usd(size_bytes // 3 + 16, self._max_tokens)
        if estimate_usd <= limit_usd:
            return None
        return _budget(f"it may cost {estimate_usd:.6f} USD, and {limit_usd:.6f} are allowed")


def _message(role: str, content: str) -> ChatCompletionMessageParam:
    if role == "system":
        return {"role": "system", "content": content}
    if role == "assistant":
        return {"role": "assistant", "content": content}
    return {"role": "user", "content": content}


def _status_error(exc: openai.APIStatusError) -> ErrorInfo:
    """Return what a node may know: what endpoints write can hold keys or parts of the prompt."""
    status = exc.status_code
    _log.debug("the LLM answered %d: %s", status, exc.message)
    if status == _TOO_MANY and exc.code == "insufficient_quota":
        return _budget("the account at the LLM has no quota left")
    if status == _TOO_MANY:
        retry_after_s = _retry_after_s(exc.response.headers.get("retry-after"))
        message = "the LLM takes no more requests now"
        return ErrorInfo("429", "rate_limited", message, retry_after_s)
    if status in _CREDENTIALS:
        return ErrorInfo("403", "llm_denied", "the LLM refuses the worker's credentials")
    if status in _RETRYABLE or status >= _SERVER_ERROR:
        return _unavailable(f"the LLM answered {status}")
    code = "413" if status == 413 else "400"  # noqa: PLR2004 - too large, in HTTP and here
    return ErrorInfo(code, "llm_refused", f"the LLM answered {status}; see the worker's log")


def _retry_after_s(value: str | None) -> float:
    """Return the seconds of a Retry-After header, which may hold a date (RFC 9110, 10.2.3)."""
    if value is None:
        return _RETRY_AFTER_S
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return _RETRY_AFTER_S


def _unavailable(message: str) -> ErrorInfo:
    return ErrorInfo("503", "llm_unavailable", message, _RETRY_AFTER_S)


def _budget(message: str) -> ErrorInfo:
    return ErrorInfo("429", "budget", message)
