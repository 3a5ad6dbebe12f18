"""Figures of one gateway process, for Prometheus. Labels are bounded: they never name a user, a graph or a path."""

from prometheus_client import CollectorRegistry, Counter, GCCollector, PlatformCollector, ProcessCollector


class GatewayMetrics:
    """Everything that is counted, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.rate_limit_checks = Counter(
            "perdure_rate_limit_checks",
            "Requests that were held against a rate limit. degraded: passed, because the counts could not be read",
            ["rule", "outcome"],
            registry=self.registry,
        )
