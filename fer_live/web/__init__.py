"""``python -m fer_live web``: a page of one's own machine for camera, pictures and video.

Everything in here but `command` needs the extra ``web``.
"""
