"""What the blueprints share where HTTP comes in: who calls, what he may, how refusals look. Begin with install.py."""
