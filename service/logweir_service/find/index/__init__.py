"""Look-up by an id: a sidecar for each sealed segment, a map for the active one, a scan for the rest."""
