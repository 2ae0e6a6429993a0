"""Stand-ins for the internet, so that the demo runs every real step on a machine without one.

``photos`` packs photographs that Python packages carry, ``models`` saves diffusers pipelines with
tiny random weights, ``web`` is a local web server that serves photographs and misbehaves.
"""
