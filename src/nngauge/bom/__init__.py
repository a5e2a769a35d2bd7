"""Bills of materials of the AI in one app: CycloneDX, SPDX 3, and what differs between two of them. docs/bom.md."""
