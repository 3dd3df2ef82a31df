"""OpenCV's side of `cargo xtask bench beauty`: the usual way to smooth and brighten skin, on one thread.

opencv_beauty.py FOLDER FRAMES reads FOLDER/in.i420 (1280 x 720), filters it FRAMES times, writes opencv.i420 and prints one
JSON object with the median time of a frame in ms, for the whole way and for its parts.
"""

import json
import statistics
import sys
import time

import cv2
import numpy as np

WIDTH, HEIGHT = 1280, 720
# The skin in YCrCb of Chai and Ngan (1999), as most tutorials have it.
SKIN = (np.array([0, 133, 77], np.uint8), np.array([255, 173, 127], np.uint8))
LIFT = np.array([min(255, round(255 * (i / 255) ** 0.8)) for i in range(256)], np.uint8)


def whole(yuv):
    """I420 in, I420 out, as a filter between camera and encoder has to."""
    bgr = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)
    smooth = cv2.bilateralFilter(bgr, 9, 75, 75)
    mask = cv2.inRange(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb), *SKIN)
    cv2.LUT(smooth, LIFT, smooth)
    cv2.copyTo(smooth, mask, bgr)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)


def smooth_only(yuv):
    """The same without the table, to judge what smoothing alone does to noise and edges."""
    bgr = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)
    smooth = cv2.bilateralFilter(bgr, 9, 75, 75)
    mask = cv2.inRange(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb), *SKIN)
    cv2.copyTo(smooth, mask, bgr)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)


def median_ms(work, frames):
    for _ in range(3):
        work()
    times = []
    for _ in range(frames):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1e3)
    return round(statistics.median(times), 3)


def main():
    folder, frames = sys.argv[1], int(sys.argv[2])
    cv2.setNumThreads(1)
    yuv = np.fromfile(f"{folder}/in.i420", np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
    smooth_only(yuv).tofile(f"{folder}/opencv.i420")
    bgr = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)
    luma = np.ascontiguousarray(yuv[:HEIGHT])
    few = max(frames // 10, 10)
    print(
        json.dumps(
            {
                "version": cv2.__version__,
                "whole": median_ms(lambda: whole(yuv), frames),
                "bilateral_9": median_ms(lambda: cv2.bilateralFilter(bgr, 9, 75, 75), few),
                "bilateral_15": median_ms(lambda: cv2.bilateralFilter(bgr, 15, 75, 75), few),
                "guided": median_ms(lambda: cv2.ximgproc.guidedFilter(luma, luma, 8, 200.0), few),
                "guided_fast": median_ms(lambda: cv2.ximgproc.guidedFilter(luma, luma, 8, 200.0, scale=0.25), few),
            }
        )
    )


main()
