/* xdg-desktop-portal-wlr 0.7 (Debian 12, Ubuntu 24.04) shares no screen of a compositor that draws without a graphics
 * card: it waits to be told what such a card's memory would be like, although it never uses it there. This tells it, for
 * each picture that it asks for. Loaded into it with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

struct wl_proxy;
const char *wl_proxy_get_class(struct wl_proxy *proxy);

/* The place of the event "linux_dmabuf" among those of a picture, in wlr-screencopy-unstable-v1. */
#define LINUX_DMABUF 5
/* DRM's name for blue, green, red and a byte without meaning. */
#define XRGB8888 0x34325258

int wl_proxy_add_listener(struct wl_proxy *proxy, void (**listener)(void), void *data) {
	int (*add)(struct wl_proxy *, void (**)(void), void *) = dlsym(RTLD_NEXT, "wl_proxy_add_listener");
	int added = add(proxy, listener, data);
	if (added == 0 && strcmp(wl_proxy_get_class(proxy), "zwlr_screencopy_frame_v1") == 0) {
		void (*tell)(void *, struct wl_proxy *, uint32_t, uint32_t, uint32_t) = (void *)listener[LINUX_DMABUF];
		tell(data, proxy, XRGB8888, 1, 1);
	}
	return added;
}
