"""Routes and code that are there only while a feature flag is on."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency

from models.errors import NotFoundError
from models.ports import FeatureFlags
from models.users import User
from services.gateway.auth.identification import identify
from services.gateway.container import container_of

EndpointT = TypeVar("EndpointT", bound=Callable[..., Awaitable[Any]])

_PARAMETER = "feature_flag_guard"


async def is_feature_enabled(flags: FeatureFlags, flag_key: str, *, user: User | None = None, default: bool) -> bool:
    """Whether a flag is on for `user`, or for somebody unknown; `default` where nobody can say."""
    return await flags.is_enabled(flag_key, default=default, user_id=None if user is None else user.id)


class FeatureGuard:
    """Answers 404, as for any address that is not there, while a flag is off for who asks.

    It decorates an endpoint (below the decorator of the router), or is a dependency of routes by its `dependency`.
    """

    def __init__(self, flag_key: str, default: bool) -> None:
        self._flag_key = flag_key
        self._default = default

    async def check(self, request: Request) -> None:
        """Raises NotFoundError."""
        container = container_of(request)
        principal = (await identify(request, container)).principal
        user = None if principal is None else principal.user
        if not await is_feature_enabled(container.flags, self._flag_key, user=user, default=self._default):
            raise NotFoundError("Not Found")

    @property
    def dependency(self) -> Dependency:
        return Depends(self.check)

    def __call__(self, endpoint: EndpointT) -> EndpointT:
        @functools.wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            kwargs.pop(_PARAMETER)
            return await endpoint(*args, **kwargs)

        # FastAPI reads what an endpoint needs from its signature, and asks in this order: the flag before the caller.
        keyword = inspect.Parameter.KEYWORD_ONLY
        guard = inspect.Parameter(_PARAMETER, keyword, annotation=Annotated[None, Depends(self.check)])
        signature = inspect.signature(endpoint)
        own = [parameter.replace(kind=keyword) for parameter in signature.parameters.values()]
        cast("Any", guarded).__signature__ = signature.replace(parameters=[guard, *own])
        return cast("EndpointT", guarded)


def feature_flag(flag_key: str, default: bool = False) -> FeatureGuard:
    """A guard of routes; `default` counts where nothing decides about the flag, or cannot be asked."""
    return FeatureGuard(flag_key, default)
