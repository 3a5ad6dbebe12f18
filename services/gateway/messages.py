"""User messages in the language of the caller. English texts come with the errors themselves."""

import re
from typing import Final

_CHINESE: Final = {
    "invalid_request": "请求无效。",
    "graph_validation_error": "图验证失败。",
    "json_too_deep": "输入结构无效：嵌套过深。",
    "payload_too_large": "请求内容过大。",
    "request_timeout": "请求超时。",
    "unsupported_media_type": "不支持该内容类型。",
    "idempotency_key_reused": "该 Idempotency-Key 已用于另一个请求。",
    "unauthenticated": "需要身份验证。",
    "forbidden": "没有权限执行此操作。",
    "not_found": "未找到，或无权访问。",
    "conflict": "与当前状态冲突。",
    "too_many_requests": "请求过多，请稍后再试。",
    "insufficient_credits": "余额不足，无法运行该代理，请充值。",
    "block_disabled": "该模块已停用。",
    "rate_limit_exceeded": "请求过于频繁，请稍后再试。",
    "service_unavailable": "服务暂时不可用，请稍后重试。",
    "method_not_allowed": "不支持该请求方法。",
    "validation_error": "请求数据无效。",
    "system_error": "发生内部错误。",
}
_LANGUAGE: Final = re.compile(r"\s*([A-Za-z*]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q=([0-9.]{1,5}))?\s*")
_MAX_RANGES: Final = 20


def localise(code: str, english: str, accept_language: str) -> str:
    """`english`, or the catalogue's text for `code` if the header prefers Chinese."""
    return _CHINESE.get(code, english) if _preferred(accept_language) == "zh" else english


def _preferred(accept_language: str) -> str:
    best, best_quality = "en", 0.0
    for part in accept_language.split(",")[:_MAX_RANGES]:
        match = _LANGUAGE.fullmatch(part)
        if match is None:
            continue
        language = match.group(1).lower()
        try:
            quality = float(match.group(2) or 1)
        except ValueError:
            continue
        if language in ("en", "zh") and quality > best_quality:
            best, best_quality = language, quality
    return best
