"""Hypothesis here looks for wrong results, not for slow ones: the machine that runs it may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("formats", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.load_profile("formats")
