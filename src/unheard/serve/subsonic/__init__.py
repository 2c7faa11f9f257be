"""An OpenSubsonic server: music players browse, play, star and scrobble, and ask for similar songs.

Specification: https://opensubsonic.netlify.app/docs/ and http://www.subsonic.org/pages/api.jsp, version 1.16.1.
"""

from unheard.serve.subsonic.routes import router

__all__ = ["router"]
