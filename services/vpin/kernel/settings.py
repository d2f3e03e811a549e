"""How toxicity is measured, in the units of the kernels; imports no compiler, so settings load quickly."""

from __future__ import annotations

from typing import NamedTuple

from services.vpin.kernel.layout import Method, Rings, SigmaRule


class Settings(NamedTuple):
    """How toxicity is measured; times in ns, sigma in natural price units."""

    method: Method
    n_buckets: int = 50
    lag: int = 0
    pending_quotes: int = 4096
    bar: int = 60_000_000_000
    sigma_rule: SigmaRule = SigmaRule.EXPANDING
    sigma: float = 0.0
    sigma_half_life: float = 60.0
    sigma_window: int = 60
    degrees_of_freedom: float = 0.25
    cdf_window: int = 1000
    cdf_minimum: int = 100
    buckets_kept: int = 0
    adaptive: bool = False
    adv_sessions: int = 20
    buckets_per_session: float = 50.0
    session_reset: bool = False

    def rings(self) -> Rings:
        """Lengths of the rings of one instrument."""
        return Rings(
            buckets=max(self.n_buckets, self.buckets_kept),
            vpins=self.cdf_window,
            changes=self.sigma_window if self._uses(SigmaRule.ROLLING) else 0,
            pending=self._pending(),
            session_volumes=self.adv_sessions if self.adaptive else 1,
        )

    def _uses(self, rule: SigmaRule) -> bool:
        return self.method >= Method.BULK_NORMAL and self.sigma_rule == rule

    def _pending(self) -> int:
        if self.method != Method.LEE_READY:
            return 0
        return self.pending_quotes if self.lag > 0 else 1
