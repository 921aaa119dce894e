"""Attribution by Captum (Kokhlikyan et al. 2020, arXiv 2009.07896): how much of a class's score comes from a
channel, and from where in an image. Imports torch and Captum."""

from pruning.attribution.layers import attributions, channel_attribution
from pruning.attribution.places import grad_cam

__all__ = ["attributions", "channel_attribution", "grad_cam"]
