"""The ports that `perdure up` would like."""

from collections.abc import Callable

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.diagnosis.situation import Situation
from infra.embedded import ports
from infra.embedded.local_stack import SERVERS, is_set, wanted_ports
from infra.settings import GatewaySettings


def check_ports(
    situation: Situation,
    *,
    is_free: Callable[[int], bool] = ports.is_free,
    holder_of: Callable[[int], str | None] = ports.holder_of,
) -> list[Finding]:
    if situation.state is not None:
        return [ok("ports", "The stack here has its ports.")]
    wanted = wanted_ports(situation.home, (name for name in SERVERS if name not in situation.external))
    gateway = situation.find(GatewaySettings)
    demanded = gateway.gateway_port if gateway and is_set(gateway, "gateway_port") else None
    if demanded:
        wanted["gateway"] = demanded
    findings: list[Finding] = []
    for name, port in wanted.items():
        if is_free(port):
            continue
        taken = f"Port {port}, wanted for {name}, is taken by {holder_of(port) or 'a process of another user'}."
        if name == "gateway" and demanded:
            findings.append(problem("ports", taken, "End that process, or set GATEWAY_PORT to another port."))
        else:
            findings.append(warning("ports", taken, "`perdure up` takes another one; end that process to have this."))
    return findings or [ok("ports", f"Free: {', '.join(f'{name} {port}' for name, port in wanted.items())}.")]
