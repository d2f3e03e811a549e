"""What ``docker-compose.yml`` and ``.env`` hold of each engine: a stanza, a volume for its secret, a port.

A stanza says what is the engine's own; all else stands under the hand-written anchors of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from shared.spec import EngineSpec

COMPOSE_FILE: Final = "docker-compose.yml"
ENVIRONMENT_FILE: Final = ".env"

_STANZA: Final = """\
  {name}:
    <<: *engine
    command: [engine, {name}, --settings, *settings-file]
    mem_limit: {memory_mb}m
    environment:
      <<: *settings
      KNOTMETER_BUS__MARKET_DATA: ${{BUS_SCHEME:?}}://{name}@${{MARKET_DATA:?}}
      KNOTMETER_BUS__ENGINE_LOGIC: ${{BUS_SCHEME:?}}://{name}@${{ENGINE_LOGIC:?}}
    ports: ["127.0.0.1:${{{port_variable}:?}}:8000"]
    volumes:
      - *data
      - *market-data-socket
      - *engine-logic-socket
      - {name}-access:/run/knotmeter/access:ro,nocopy
"""


def compose_regions(specs: Iterable[EngineSpec]) -> Mapping[str, str]:
    """Regions of the compose file."""
    engines = list(specs)
    return {
        "engines": "\n".join(_stanza(spec) for spec in engines),
        "access": "".join(
            f"      - {spec.name}-access:/run/knotmeter/access/{spec.name}\n" for spec in engines
        ),
        "volumes": "".join(f"  {spec.name}-access:\n" for spec in engines),
    }


def environment_regions(specs: Iterable[EngineSpec]) -> Mapping[str, str]:
    """Regions of the file of variables."""
    return {"ports": "".join(f"{_port_variable(spec)}={spec.port}\n" for spec in specs)}


def _stanza(spec: EngineSpec) -> str:
    return _STANZA.format(name=spec.name, memory_mb=spec.memory_mb, port_variable=_port_variable(spec))


def _port_variable(spec: EngineSpec) -> str:
    return f"{spec.name.upper()}_PORT"
