/* A V4L2 camera that does not exist, for tests on machines without one.
 *
 *   cc -shared -fPIC -O1 -o libv4l2sim.so v4l2sim.c -ldl
 *   V4L2SIM_FORMAT=YUYV LD_PRELOAD=./libv4l2sim.so some-program
 *
 * Shows up as /dev/video42 ("Simulated camera"), and as a camera's second node /dev/video43, which carries no pictures. Set by environment:
 *   V4L2SIM_FORMAT        YUYV, MJPG or NV12 (YUYV)
 *   V4L2SIM_SIZE          640x360
 *   V4L2SIM_FPS           30
 *   V4L2SIM_FRAMES        a file of pictures in that format, each after its length (32 bit little endian), shown over and over;
 *                         without it a grey bar wanders (YUYV and NV12 only)
 *   V4L2SIM_MODE          busy: another program streams; denied: may not be opened; gone: listed, but pulled out; silent: no picture ever
 *   V4L2SIM_UNPLUG_AFTER  pulled out after so many pictures
 *   V4L2SIM_HANG_AFTER    sends nothing more after so many pictures
 *   V4L2SIM_CONTROL       a folder: the camera is plugged in while it holds a file "video42" (whose coming and going inotify
 *                         on /dev tells of), and another program streams while it holds a file "busy". While one of the
 *                         cameras is open, the folder holds a file "open"
 *   V4L2SIM_CAMERAS       2: there is a second camera, /dev/video44 ("Second camera"), always plugged in
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NODE "video42"
#define SECOND_NODE "video43"
#define OTHER_NODE "video44"
#define BUFFERS 8
#define OFFSET_STEP 0x4000000u

static struct {
    int fd;
    int second; /* it is the second camera that is open */
    int streaming;
    unsigned count;
    void *memory[BUFFERS];
    unsigned queue[BUFFERS], queued;
    unsigned long shown;
} cam = {.fd = -1};

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* Whether the control folder holds this file; otherwise when there is no such folder. */
static int control(const char *name, int otherwise) {
    char path[4096];
    const char *folder = getenv("V4L2SIM_CONTROL");
    if (!folder) return otherwise;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* Notes in the control folder whether a camera is open. */
static void note(int open_now) {
    char path[4096];
    const char *folder = getenv("V4L2SIM_CONTROL");
    if (!folder) return;
    snprintf(path, sizeof path, "%s/open", folder);
    if (!open_now) {
        unlink(path);
        return;
    }
    FILE *file = fopen(path, "w");
    if (file) fclose(file);
}

static int plugged(void) { return control(NODE, 1); }

static int two(void) { return atoi(setting("V4L2SIM_CAMERAS", "1")) == 2; }

static int mode(const char *name) {
    if (strcmp(name, "busy") == 0 && control("busy", 0) && !cam.second) return 1;
    return strcmp(setting("V4L2SIM_MODE", ""), name) == 0;
}

static uint32_t fourcc(void) {
    const char *f = setting("V4L2SIM_FORMAT", "YUYV");
    return v4l2_fourcc(f[0], f[1], f[2], f[3]);
}

static void size(unsigned *w, unsigned *h) {
    *w = 640, *h = 360;
    sscanf(setting("V4L2SIM_SIZE", "640x360"), "%ux%u", w, h);
}

static unsigned fps(void) { return (unsigned)atoi(setting("V4L2SIM_FPS", "30")); }

static unsigned picture_size(void) {
    unsigned w, h;
    size(&w, &h);
    return fourcc() == V4L2_PIX_FMT_NV12 ? w * h * 3 / 2 : w * h * 2;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static long real_syscall(long n, long a, long b, long c, long d, long e, long f) {
    REAL(syscall);
    return real(n, a, b, c, d, e, f);
}

/* --- files ------------------------------------------------------------- */

static int text_file(const char *text) {
    int fd = (int)real_syscall(SYS_memfd_create, (long)"v4l2sim", 0, 0, 0, 0, 0);
    if (fd >= 0 && write(fd, text, strlen(text)) >= 0) lseek(fd, 0, SEEK_SET);
    return fd;
}

/* A file descriptor of ours, -1 with errno, or -2 for a path that is not ours. */
static int open_ours(const char *path) {
    if (!path) return -2;
    if (strcmp(path, "/sys/class/video4linux/" NODE "/name") == 0) return text_file("Simulated camera\n");
    if (strcmp(path, "/sys/class/video4linux/" SECOND_NODE "/name") == 0) return text_file("Simulated camera\n");
    if (strcmp(path, "/sys/class/video4linux/" NODE "/index") == 0) return text_file("0\n");
    if (strcmp(path, "/sys/class/video4linux/" SECOND_NODE "/index") == 0) return text_file("1\n");
    if (strcmp(path, "/sys/class/video4linux/" OTHER_NODE "/name") == 0) return text_file("Second camera\n");
    if (strcmp(path, "/sys/class/video4linux/" OTHER_NODE "/index") == 0) return text_file("0\n");
    int second = two() && strcmp(path, "/dev/" OTHER_NODE) == 0;
    if (strcmp(path, "/dev/" NODE) != 0 && !second) return -2;
    if (!second && !plugged()) return errno = ENOENT, -1;
    if (mode("denied")) return errno = EACCES, -1;
    if (mode("gone")) return errno = ENODEV, -1;
    if (cam.fd >= 0) return errno = EBUSY, -1;
    /* Becomes readable once per picture, so that poll() needs no help. */
    memset(&cam, 0, sizeof cam);
    cam.second = second;
    cam.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    note(1);
    return cam.fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list ap; va_start(ap, flags); int perm = va_arg(ap, int); va_end(ap); \
        int fd = open_ours(path); \
        if (fd != -2) return fd; \
        REAL(name); \
        return real(path, flags, perm); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        va_list ap; va_start(ap, flags); int perm = va_arg(ap, int); va_end(ap); \
        int fd = open_ours(path); \
        if (fd != -2) return fd; \
        REAL(name); \
        return real(dir, path, flags, perm); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    if (fd >= 0 && fd == cam.fd) cam.fd = -1, note(0);
    REAL(close);
    return real(fd);
}

/* --- /dev --------------------------------------------------------------- */

static DIR *dev;
static int listed;

/* The names of our nodes that are there; NULL after the last. */
static const char *node(int n) {
    const char *names[4];
    int there = 0;
    if (plugged()) names[there++] = NODE, names[there++] = SECOND_NODE;
    if (two()) names[there++] = OTHER_NODE;
    return n < there ? names[n] : NULL;
}

DIR *opendir(const char *path) {
    REAL(opendir);
    DIR *dir = real(path);
    if (dir && strcmp(path, "/dev") == 0) dev = dir, listed = 0;
    return dir;
}

#define READDIR(name, type) \
    struct type *name(DIR *dir) { \
        static struct type entry; \
        REAL(name); \
        struct type *found = real(dir); \
        if (found || dir != dev || !node(listed)) return found; \
        memset(&entry, 0, sizeof entry); \
        entry.d_ino = 4200 + (unsigned)listed; \
        entry.d_type = DT_CHR; \
        entry.d_reclen = sizeof entry; \
        strcpy(entry.d_name, node(listed++)); \
        return &entry; \
    }
READDIR(readdir, dirent)
READDIR(readdir64, dirent64)

/* Whoever watches /dev hears of the control folder too. */
int inotify_add_watch(int fd, const char *path, uint32_t mask) {
    REAL(inotify_add_watch);
    const char *folder = getenv("V4L2SIM_CONTROL");
    if (folder && path && strcmp(path, "/dev") == 0) real(fd, folder, mask);
    return real(fd, path, mask);
}

/* --- pictures ------------------------------------------------------------ */

/* The next picture of V4L2SIM_FRAMES. */
static unsigned from_file(unsigned char *to, unsigned room) {
    static FILE *file;
    unsigned char head[4];
    if (!file) file = fopen(getenv("V4L2SIM_FRAMES"), "rb");
    if (!file) return 0;
    if (fread(head, 1, 4, file) != 4) {
        rewind(file);
        if (fread(head, 1, 4, file) != 4) return 0;
    }
    unsigned length = head[0] | head[1] << 8 | head[2] << 16 | (unsigned)head[3] << 24;
    return length <= room && fread(to, 1, length, file) == length ? length : 0;
}

static unsigned draw(unsigned char *to, unsigned room) {
    if (getenv("V4L2SIM_FRAMES")) return from_file(to, room);
    unsigned w, h;
    size(&w, &h);
    unsigned bar = (unsigned)(cam.shown * 8 % w);
    memset(to, 128, room);
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++) {
            unsigned char luma = x >= bar && x < bar + w / 8 ? 200 : cam.second ? 110 : 60;
            to[fourcc() == V4L2_PIX_FMT_NV12 ? y * w + x : (y * w + x) * 2] = luma;
        }
    return picture_size();
}

static void tick(int on) {
    struct itimerspec every = {{0, 0}, {0, 0}};
    if (on) {
        every.it_interval.tv_nsec = every.it_value.tv_nsec = fps() > 1 ? 1000000000L / fps() : 999999999L;
        if (mode("silent")) every.it_interval.tv_sec = every.it_value.tv_sec = 1000000;
    }
    timerfd_settime(cam.fd, 0, &every, NULL);
}

/* --- ioctl ---------------------------------------------------------------- */

static void fill_format(struct v4l2_format *f) {
    unsigned w, h;
    size(&w, &h);
    f->fmt.pix.width = w;
    f->fmt.pix.height = h;
    f->fmt.pix.pixelformat = fourcc();
    f->fmt.pix.field = V4L2_FIELD_NONE;
    f->fmt.pix.bytesperline = fourcc() == V4L2_PIX_FMT_YUYV ? w * 2 : fourcc() == V4L2_PIX_FMT_NV12 ? w : 0;
    f->fmt.pix.sizeimage = picture_size();
    f->fmt.pix.colorspace = V4L2_COLORSPACE_SRGB;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static int answer(unsigned long request, void *arg) {
    unsigned w, h;
    size(&w, &h);
    const char *unplug = getenv("V4L2SIM_UNPLUG_AFTER");
    if (unplug && cam.shown >= strtoul(unplug, NULL, 10)) return fail(ENODEV);
    if (!cam.second && !plugged()) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = arg;
        memset(c, 0, sizeof *c);
        strcpy((char *)c->driver, "v4l2sim");
        strcpy((char *)c->card, cam.second ? "Second camera" : "Simulated camera");
        strcpy((char *)c->bus_info, "platform:v4l2sim");
        c->version = 0x050000;
        c->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        c->capabilities = c->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *f = arg;
        if (f->index != 0 || f->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
        f->pixelformat = fourcc();
        f->flags = fourcc() == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
        strcpy((char *)f->description, "Simulated");
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *s = arg;
        if (s->index != 0 || s->pixel_format != fourcc()) return fail(EINVAL);
        s->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        s->discrete.width = w;
        s->discrete.height = h;
        return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *i = arg;
        if (i->index != 0 || i->pixel_format != fourcc() || i->width != w || i->height != h) return fail(EINVAL);
        i->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        i->discrete.numerator = 1;
        i->discrete.denominator = fps();
        return 0;
    }
    case VIDIOC_S_FMT:
        if (mode("busy")) return fail(EBUSY);
        /* fall through */
    case VIDIOC_TRY_FMT:
    case VIDIOC_G_FMT:
        if (((struct v4l2_format *)arg)->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
        fill_format(arg);
        return 0;
    case VIDIOC_S_PARM:
    case VIDIOC_G_PARM: {
        struct v4l2_streamparm *p = arg;
        p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        p->parm.capture.timeperframe.numerator = 1;
        p->parm.capture.timeperframe.denominator = fps();
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *r = arg;
        if (mode("busy")) return fail(EBUSY);
        if (r->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
        if (r->count > BUFFERS) r->count = BUFFERS;
        cam.count = r->count;
        cam.queued = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = arg;
        if (b->index >= cam.count) return fail(EINVAL);
        b->length = picture_size();
        b->m.offset = b->index * OFFSET_STEP;
        b->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *b = arg;
        if (b->index >= cam.count || cam.queued >= cam.count) return fail(EINVAL);
        cam.queue[cam.queued++] = b->index;
        return 0;
    }
    case VIDIOC_DQBUF: {
        struct v4l2_buffer *b = arg;
        uint64_t ticks;
        struct timespec now;
        if (!cam.streaming || read(cam.fd, &ticks, sizeof ticks) != sizeof ticks || cam.queued == 0) return fail(EAGAIN);
        unsigned index = cam.queue[0];
        memmove(cam.queue, cam.queue + 1, --cam.queued * sizeof cam.queue[0]);
        clock_gettime(CLOCK_MONOTONIC, &now);
        b->index = index;
        b->length = picture_size();
        b->bytesused = cam.memory[index] ? draw(cam.memory[index], picture_size()) : 0;
        b->sequence = (unsigned)cam.shown++;
        b->field = V4L2_FIELD_NONE;
        b->flags = V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        const char *hang = getenv("V4L2SIM_HANG_AFTER");
        if (hang && cam.shown >= strtoul(hang, NULL, 10)) tick(0);
        b->timestamp.tv_sec = now.tv_sec;
        b->timestamp.tv_usec = now.tv_nsec / 1000;
        return 0;
    }
    case VIDIOC_STREAMON:
        if (mode("busy")) return fail(EBUSY);
        cam.streaming = 1;
        tick(1);
        return 0;
    case VIDIOC_STREAMOFF:
        cam.streaming = 0;
        cam.queued = 0;
        tick(0);
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if (fd >= 0 && fd == cam.fd) return answer(request & 0xffffffffu, arg);
    REAL(ioctl);
    return real(fd, request, arg);
}

/* Some libraries call ioctl by its number. */
long syscall(long number, ...) {
    va_list ap;
    va_start(ap, number);
    long a = va_arg(ap, long), b = va_arg(ap, long), c = va_arg(ap, long);
    long d = va_arg(ap, long), e = va_arg(ap, long), f = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_ioctl && (int)a >= 0 && (int)a == cam.fd) return answer((unsigned long)b & 0xffffffffu, (void *)c);
    return real_syscall(number, a, b, c, d, e, f);
}

#define MMAP(name, offset_t) \
    void *name(void *at, size_t length, int prot, int flags, int fd, offset_t offset) { \
        REAL(name); \
        if (fd < 0 || fd != cam.fd) return real(at, length, prot, flags, fd, offset); \
        unsigned index = (unsigned)(offset / OFFSET_STEP); \
        if (index >= cam.count) return errno = EINVAL, MAP_FAILED; \
        return cam.memory[index] = real(NULL, length, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0); \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
