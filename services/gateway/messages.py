"""User messages in the language of the caller. English texts come with the errors themselves."""

import re
from collections.abc import Mapping
from typing import Final

CHINESE_BY_CODE: Final[Mapping[str, str]] = {
    "invalid_request": "请求无效。",
    "graph_validation_error": "图验证失败。",
    "json_too_deep": "输入结构无效：嵌套过深。",
    "payload_too_large": "请求内容过大。",
    "request_timeout": "请求超时。",
    "unsupported_media_type": "不支持该内容类型。",
    "idempotency_key_reused": "该 Idempotency-Key 已用于另一个请求。",
    "unauthenticated": "需要身份验证。",
    "weak_password": "密码强度不足。",
    "oidc_login_failed": "身份提供商登录失败，请重新开始。",
    "address_not_proven": "该邮箱地址已有账户，且尚未验证归属。",
    "invalid_mail_token": "链接无效或已过期。",
    "csrf_failed": "请求缺少有效的 CSRF 令牌，请刷新页面后重试。",
    "forbidden": "没有权限执行此操作。",
    "not_found": "未找到，或无权访问。",
    "conflict": "与当前状态冲突。",
    "too_many_requests": "请求过多，请稍后再试。",
    "rate_limit_exceeded": "请求过于频繁，请稍后再试。",
    "insufficient_credits": "余额不足，无法运行该代理，请充值。",
    "block_disabled": "该模块已停用。",
    "block_failed": "模块运行失败。",
    "block_input_invalid": "模块的输入无效。",
    "block_output_invalid": "模块的输出无效。",
    "block_transient": "第三方服务暂时不可用，请稍后重试。",
    "block_timeout": "模块运行超时。",
    "block_not_configured": "服务器缺少该模块所需的配置。",
    "value_too_large": "数值过大。",
    "outcome_unknown": "模块运行被中断，结果未知。",
    "stream_interrupted": "数据流已中断。",
    "unknown_block": "未知的模块。",
    "upstream_failed": "所依赖的外部服务出错，请稍后重试。",
    "service_unavailable": "服务暂时不可用，请稍后重试。",
    "configuration_error": "服务器配置有误，请联系管理员。",
    "auth_configuration_error": "服务器配置有误，请联系管理员。",
    "method_not_allowed": "不支持该请求方法。",
    "validation_error": "请求数据无效。",
    "system_error": "发生内部错误。",
}
"""What there is to say to every error of a code."""

_CHINESE_BY_TEXT: Final[Mapping[str, str]] = {
    "Graph #{id} not found or access denied.": "未找到图 #{id}，或无权访问。",
    "Graph #{id} v{version} not found or access denied.": "未找到图 #{id} 的版本 {version}，或无权访问。",
    "Graph execution #{id} not found or access denied.": "未找到运行 #{id}，或无权访问。",
    "Node execution #{id} not found or access denied.": "未找到节点运行 #{id}，或无权访问。",
    "API key #{id} not found or access denied.": "未找到 API 密钥 #{id}，或无权访问。",
    "Preset #{id} not found.": "未找到预设 #{id}。",
    "Block #{id} not found.": "未找到模块 #{id}。",
    "Graph name cannot be empty": "图的名称不能为空",
    "Graph name too long": "图的名称过长",
    "Description too long": "描述过长",
    "Invalid input structure: {reason}": "输入结构无效：{reason}",
    "Insufficient credits: required {required}, available {available}": "余额不足：需要 {required}，可用 {available}",
    "Missing required permission(s): {names}": "缺少所需权限：{names}",
    "Admin access required": "需要管理员权限",
    "Authorization header is missing": "缺少 Authorization 请求头",
    "Token has expired": "令牌已过期",
    "Invalid token audience": "令牌的受众无效",
    "Invalid token signature": "令牌的签名无效",
    "Invalid API key": "API 密钥无效",
}
"""What is worth saying more precisely; `{name}` stands for any text."""

_PLACE: Final = re.compile(r"\\\{(\w+)\\\}")
_TEMPLATES: Final = tuple(
    (re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL), chinese)
    for english, chinese in _CHINESE_BY_TEXT.items()
)
_LANGUAGE: Final = re.compile(r"\s*([A-Za-z*]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q=([0-9.]{1,5}))?\s*")
_MAX_RANGES: Final = 20
_MAX_TEXT: Final = 1_000


def localise(code: str, english: str, accept_language: str) -> str:
    """`english`, or what the catalogue has for it, else for `code`, if the header prefers Chinese."""
    if _preferred(accept_language) != "zh":
        return english
    return _in_chinese(english) or CHINESE_BY_CODE.get(code, english)


def _in_chinese(english: str) -> str | None:
    if len(english) > _MAX_TEXT:
        return None
    for pattern, chinese in _TEMPLATES:
        match = pattern.fullmatch(english)
        if match is not None:
            return chinese.format(**match.groupdict())
    return None


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
