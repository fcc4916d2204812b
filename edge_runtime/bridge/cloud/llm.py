"""The large model beside a worker; the only import of openai, when one is made."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from edge_runtime.bridge.cloud.inspection import INSPECT, Inspect
from edge_runtime.bridge.cloud.llm_errors import budget, status_error, unavailable
from edge_runtime.bridge.cloud.prompt import Prompt, build_messages
from edge_runtime.bridge.cloud.written import FREE, Price, Written
from edge_runtime.bridge.mqtt.broker import is_loopback
from edge_runtime.bridge.mqtt.credentials import read_secret, read_secret_file
from edge_runtime.errors import ConfigError, EdgeError
from edge_runtime.messages import MAX_TEXT_BYTES, ErrorInfo, Escalation, Reply, error_info

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

_log = logging.getLogger(__name__)

_LIST_TIMEOUT_S = 10.0
_NO_KEY = "none"  # the client insists on one; local endpoints ignore it
_KEY_VARIABLES = ("EDGE_LLM_API_KEY", "OPENAI_API_KEY")
_CANCELLED = ErrorInfo("499", "cancelled", "the escalation was withdrawn")
_LATE = unavailable("the LLM did not answer in time")
_BROKEN = unavailable("the LLM's answer broke off")

Messages = list[tuple[str, str]]
Take = Callable[[str], bool]
"""Takes a piece of the text; False: no more is wanted."""


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


@runtime_checkable
class StreamingLlm(Llm, Protocol):
    """One that can say what it writes while it writes."""

    def stream(self, escalation: Escalation, take: Take) -> Reply:
        """Give the text in pieces, and return the whole; a failure after some is an error."""


def make_llm(  # noqa: PLR0913 - all but the URL are keywords
    url: str,
    *,
    model: str | None = None,
    key_file: Path | None = None,
    price: Price | None = None,
    timeout_s: float = 60.0,
    max_tokens: int = 512,
    allow_plain: bool = False,
    prompt: Prompt = build_messages,
    environ: Mapping[str, str] = os.environ,
) -> Llm:
    """Return the model at an OpenAI-compatible endpoint, or ``inspect``, which asks nobody.

    Without a name, the endpoint is asked for its models, and the only one is taken. ``prompt``
    makes the messages of an escalation.

    The key comes from ``key_file``, else from ``EDGE_LLM_API_KEY`` or ``OPENAI_API_KEY``, or the
    file that the same name with ``_FILE`` names; local endpoints work without one. A local
    endpoint without a price is taken to be free.

    Raises:
        ConfigError: the URL is wrong or not encrypted, the model has no name and is not the only
            one, a key file cannot be used, or the extra ``cloud`` is not installed.
    """
    if url == INSPECT:
        return Inspect(prompt)
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"http", "https"}:
        raise ConfigError(f"the LLM {url!r} is neither {INSPECT!r} nor an http(s) URL")
    if parts.scheme == "http" and not (allow_plain or is_loopback(host)):
        raise ConfigError(
            f"http://{host} would send texts unencrypted; use https://, or set llm_allow_plain = "
            "true if that network is to be trusted"
        )
    if key_file is not None:
        key: str | None = read_secret_file(key_file)
    else:
        found = (read_secret(environ, name) for name in _KEY_VARIABLES)
        key = next((each for each in found if each is not None), None)
    if price is None and is_loopback(host):
        price = FREE
    return OpenAiCompatible(
        url, model, key=key, price=price, timeout_s=timeout_s, max_tokens=max_tokens, prompt=prompt
    )


class OpenAiCompatible:
    """An endpoint with the chat completions of OpenAI; made by ``make_llm``.

    Raises:
        ConfigError: the extra ``cloud`` is not installed.
    """

    def __init__(  # noqa: PLR0913 - made in one place
        self,
        url: str,
        model: str | None,
        *,
        key: str | None,
        price: Price | None,
        timeout_s: float,
        max_tokens: int,
        prompt: Prompt,
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
        self._prompt = prompt
        # the node owns every retry
        self._client = openai.OpenAI(base_url=url, api_key=key or _NO_KEY, max_retries=0)
        self.name = model or self._only_model(url)

    def __call__(self, escalation: Escalation) -> Reply:
        """Ask once; every failure is an error in the reply."""
        return self._ask(escalation, self._whole)

    def stream(self, escalation: Escalation, take: Take) -> Reply:
        """Ask once, and give what comes at once; a failure on the way is an error in the reply."""
        return self._ask(escalation, partial(self._in_pieces, take=take))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, escalation: Escalation, call: Callable[[Messages, float], Written]) -> Reply:
        started = time.perf_counter()
        try:
            messages = self._prompt(escalation)
            refused = self._over_budget(escalation, messages)
            if refused is not None:
                return Reply(id=escalation.id, error=refused)
            timeout_s = self._timeout_s
            if escalation.deadline_ms is not None:
                timeout_s = min(timeout_s, escalation.deadline_ms / 1000)
            written = call(messages, timeout_s)
        except Exception as exc:  # noqa: BLE001 - what endpoints send is not always what they say
            return Reply(id=escalation.id, error=self._error(exc))
        took_ms = (time.perf_counter() - started) * 1000
        return written.reply(escalation.id, self.price or FREE, took_ms)

    def _error(self, exc: Exception) -> ErrorInfo:
        if isinstance(exc, EdgeError):
            return error_info(exc)
        if isinstance(exc, self._openai.APIStatusError):
            _log.debug("the LLM answered %d: %s", exc.status_code, exc.message)
            return status_error(exc.status_code, exc.code, exc.response.headers)
        if isinstance(exc, self._openai.APITimeoutError):
            return _LATE
        if isinstance(exc, self._openai.APIConnectionError):
            return unavailable("the LLM cannot be reached")
        _log.warning("the LLM sent something that is not a completion: %s", type(exc).__name__)
        return unavailable("the LLM's answer is not valid")

    def _whole(self, messages: Messages, timeout_s: float) -> Written:
        completion: ChatCompletion = self._client.chat.completions.create(
            model=self.name,
            messages=[_message(*each) for each in messages],
            max_tokens=self._max_tokens,
            timeout=timeout_s,
        )
        choice = completion.choices[0]
        return Written(
            text=choice.message.content or "",
            prompt_bytes=_size_bytes(messages),
            model=completion.model or self.name,
            finish_reason=choice.finish_reason,
            prompt_tokens=completion.usage.prompt_tokens if completion.usage else None,
            generation_tokens=completion.usage.completion_tokens if completion.usage else None,
        )

    def _in_pieces(self, messages: Messages, timeout_s: float, *, take: Take) -> Written:
        until = time.perf_counter() + timeout_s
        with self._client.chat.completions.create(
            model=self.name,
            messages=[_message(*each) for each in messages],
            max_tokens=self._max_tokens,
            timeout=timeout_s,
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks:
            return self._fold(chunks, take, until, _size_bytes(messages))

    def _fold(
        self, chunks: Iterable[ChatCompletionChunk], take: Take, until: float, prompt_bytes: int
    ) -> Written:
        texts: list[str] = []
        size, model, finish_reason, usage = 0, self.name, None, None
        error: ErrorInfo | None = None
        try:
            for chunk in chunks:
                model, usage = chunk.model or model, chunk.usage or usage
                for choice in chunk.choices[:1]:
                    finish_reason = choice.finish_reason or finish_reason
                    if piece := choice.delta.content:
                        texts.append(piece)
                        size += len(piece)
                        error = error or (None if take(piece) else _CANCELLED)
                if time.perf_counter() > until:
                    error = error or _LATE
                # the size itself is judged when the answer is whole
                if error is not None or size > MAX_TEXT_BYTES:
                    break
            else:
                error = None if finish_reason else _BROKEN
        except Exception as exc:  # noqa: BLE001 - of the transport, or what the endpoint says
            _log.debug("the LLM's stream ended with %s", type(exc).__name__)
            error = _BROKEN
        return Written(
            text="".join(texts),
            prompt_bytes=prompt_bytes,
            model=model,
            finish_reason=finish_reason,
            prompt_tokens=usage.prompt_tokens if usage else None,
            generation_tokens=usage.completion_tokens if usage else None,
            error=error,
        )

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

    def _over_budget(self, escalation: Escalation, messages: Messages) -> ErrorInfo | None:
        limit_usd = escalation.max_cost_usd
        if limit_usd is None:
            return None
        if self.price is None:
            return budget("the worker does not know the price of its LLM")
        # three bytes a token: most texts have four or five, so this errs on the dear side
        estimate_usd = self.price.cost_usd(_size_bytes(messages) // 3 + 16, self._max_tokens)
        if estimate_usd <= limit_usd:
            return None
        return budget(f"it may cost {estimate_usd:.6f} USD, and {limit_usd:.6f} are allowed")


def _size_bytes(messages: Messages) -> int:
    return sum(len(content.encode()) for _, content in messages)


def _message(role: str, content: str) -> ChatCompletionMessageParam:
    if role == "system":
        return {"role": "system", "content": content}
    if role == "assistant":
        return {"role": "assistant", "content": content}
    return {"role": "user", "content": content}
