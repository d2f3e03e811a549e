"""What every engine shares: declaration, runtime, settings, time, latency, values."""
