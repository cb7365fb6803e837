"""Where the ground of maps comes from."""

from django.conf import settings


def map_tiles() -> dict:
    """The tile server, for scripts; its address is empty where the map that ships with Sntry is used."""
    return {
        "url": settings.MAP_TILE_URL,
        "attribution": settings.MAP_TILE_ATTRIBUTION,
        "max_zoom": settings.MAP_TILE_MAX_ZOOM,
    }
