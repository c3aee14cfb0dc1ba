"""The Pulumi package ``flash-ticket-firewall``: the engine runs this folder as a plugin, for programs in any language.

The types of the package are those of `package.firewall` and `package.parts`. ``schema.json`` beside this file is made
from them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi.provider.experimental import component_provider_host

from package import version
from package.firewall import Firewall
from package.parts import PARTS
from package.plan import PACKAGE

component_provider_host([Firewall, *PARTS], PACKAGE, version=version())
