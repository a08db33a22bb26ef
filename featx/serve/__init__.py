"""A model -> a page and an API by HTTP that name the classes of pictures."""

from featx.serve.answers import Answers
from featx.serve.app import Service
from featx.serve.limits import RequestLimits
from featx.serve.server import listen, run, url_of

__all__ = ["Answers", "RequestLimits", "Service", "listen", "run", "url_of"]
