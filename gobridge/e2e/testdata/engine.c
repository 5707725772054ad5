/*
 * An engine for tests, of which a test decides every verdict.  It looks at the
 * bytes it is fed for a command:
 *
 *     "wait"  the bytes are held and a verdict is pending.  Each byte written
 *             to the file FIFO is the next verdict: 'p' passes, 'd' drops and
 *             makes an event, 'e' says that the engine failed
 *     "fail"  the engine fails
 *
 * and lets anything else pass.  Frames are not understood.  A request polls if
 * its target has "poll" in it; the commands are those of its body, "fail" also
 * one of its target.  With INIT the engine does not start, with ABI it has
 * another ABI number.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wsi.h"

#ifndef ABI
#define ABI  WSI_ABI_VERSION
#endif

#ifndef INIT
#define INIT  0
#endif

#define NAME2(n)  wsi_abi_##n
#define NAME(n)   NAME2(n)

#define SESSIONS  64

static struct {
    uint64_t  cookie;
    size_t    held;
    int       used, pending, closed, event, direction, done, request;
} sessions[SESSIONS];

static pthread_mutex_t  lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t   cond = PTHREAD_COND_INITIALIZER;
static int              waiting, wake_fd;


uint32_t NAME(ABI)(void)
{
    return ABI;
}


static void *judge(void *arg)
{
    int       i, fd;
    char      c;
    uint64_t  one = 1;

    (void) arg;

    fd = open(FIFO, O_RDWR);

    for ( ;; ) {
        pthread_mutex_lock(&lock);

        while (waiting == 0) {
            /* a verdict may be for another worker */
            pthread_cond_wait(&cond, &lock);
        }

        pthread_mutex_unlock(&lock);

        if (read(fd, &c, 1) != 1) {
            break;
        }

        pthread_mutex_lock(&lock);

        for (i = 1; i < SESSIONS; i++) {
            if (sessions[i].pending && !sessions[i].done) {
                sessions[i].done = c;
                waiting--;
                break;
            }
        }

        pthread_mutex_unlock(&lock);

        if (write(wake_fd, &one, sizeof(one)) == -1) {
            perror("write");
        }
    }

    return NULL;
}


int32_t wsi_init(wsi_init_t *conf)
{
    pthread_t  t;

    if (INIT) {
        return -1;
    }

    wake_fd = conf->wake_fd;

    return pthread_create(&t, NULL, judge, NULL) ? -1 : 0;
}


uint64_t wsi_policy(wsi_statement_t *statements, size_t n, uint8_t *buf,
    size_t size, size_t *len)
{
    (void) statements;
    (void) n;
    (void) buf;
    (void) size;

    *len = 0;

    return 1;
}


uint32_t wsi_reload(void)
{
    return 0;
}


uint32_t wsi_reloaded(uint8_t *buf, size_t size, size_t *len,
    uint32_t *generation)
{
    (void) buf;
    (void) size;

    *len = 0;
    *generation = 0;

    return 0;
}


uint64_t wsi_open(wsi_handshake_t *hs, wsi_result_t *result)
{
    int  i;

    memset(result, 0, sizeof(*result));

    if (memmem(hs->target.data, hs->target.len, "fail", 4)) {
        return 0;
    }

    for (i = 1; i < SESSIONS; i++) {
        if (!sessions[i].used) {
            memset(&sessions[i], 0, sizeof(sessions[i]));
            sessions[i].used = 1;
            sessions[i].cookie = hs->cookie;
            return i;
        }
    }

    return 0;
}


void wsi_feed(uint64_t s, uint32_t direction, wsi_cbyte_t *data, size_t len,
    wsi_result_t *result);


/* this engine never gets to an event of its own */

uint64_t wsi_violate(wsi_request_t *rq, wsi_str_t token, wsi_result_t *result)
{
    (void) rq;
    (void) token;

    memset(result, 0, sizeof(*result));

    return 0;
}


uint32_t wsi_identify(wsi_request_t *rq)
{
    if (memmem(rq->target.data, rq->target.len, "poll", 4) == NULL) {
        return WSI_REQUEST_NONE;
    }

    return WSI_REQUEST_HEAD|WSI_REQUEST_BODY;
}


uint64_t wsi_request(wsi_request_t *rq, wsi_result_t *result)
{
    uint64_t         s;
    wsi_handshake_t  hs;

    memset(&hs, 0, sizeof(hs));
    hs.target = rq->target;
    hs.cookie = rq->cookie;

    s = wsi_open(&hs, result);
    sessions[s].request = 1;

    return s;
}


void wsi_body(uint64_t s, wsi_cbyte_t *data, size_t len, uint32_t last,
    wsi_result_t *result)
{
    (void) last;
    wsi_feed(s, WSI_FROM_CLIENT, data, len, result);
}


void wsi_body_file(uint64_t s, int32_t fd, uint64_t offset, uint64_t len,
    uint32_t last, wsi_result_t *result)
{
    ssize_t         n;
    static uint8_t  buf[65536];

    (void) last;
    n = pread(fd, buf, len < sizeof(buf) ? len : sizeof(buf), offset);
    wsi_feed(s, WSI_FROM_CLIENT, buf, n > 0 ? n : 0, result);
}


void wsi_feed(uint64_t s, uint32_t direction, wsi_cbyte_t *data, size_t len,
    wsi_result_t *result)
{
    memset(result, 0, sizeof(*result));

    result->consumed = len;

    if (memmem(data, len, "fail", 4)) {
        result->consumed = 0;
        result->status = WSI_ERROR;
        return;
    }

    if (memmem(data, len, "wait", 4)) {
        pthread_mutex_lock(&lock);
        sessions[s].pending = 1;
        sessions[s].held = len;
        sessions[s].direction = direction;
        waiting++;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&lock);
        result->status = WSI_PENDING;
        return;
    }

    result->release = len;
}


uint32_t wsi_poll(wsi_done_t *done)
{
    int       i;
    uint32_t  n = 0;

    pthread_mutex_lock(&lock);

    for (i = 1; i < SESSIONS && n == 0; i++) {
        if (!sessions[i].pending || !sessions[i].done) {
            continue;
        }

        memset(done, 0, sizeof(*done));
        done->cookie = sessions[i].cookie;
        done->direction = sessions[i].direction;

        switch (sessions[i].done) {
        case 'd':
            done->result.status = WSI_DROP;
            done->result.close_code = sessions[i].request ? 403 : 1008;
            done->result.events = 1;
            sessions[i].event = 1;
            break;
        case 'e':
            done->result.status = WSI_ERROR;
            break;
        default:
            done->result.release = sessions[i].held;
            done->result.messages = 1;
        }

        sessions[i].pending = 0;
        sessions[i].done = 0;
        n = 1;
    }

    pthread_mutex_unlock(&lock);

    return n;
}


void wsi_expire(uint64_t s, uint32_t direction, uint32_t reason,
    wsi_result_t *result)
{
    memset(result, 0, sizeof(*result));
    result->status = WSI_DROP;
    result->close_code = sessions[s].request ? 403 : 1008;
    (void) direction; (void) reason;
}


uint32_t wsi_raise(uint64_t s, uint32_t direction, wsi_violation_t *v,
    wsi_result_t *r)
{
    (void) s; (void) direction; (void) v;
    memset(r, 0, sizeof(*r));
    return 0;
}


int64_t wsi_expires(wsi_str_t token)
{
    (void) token;
    return 0;
}


int32_t wsi_event(uint64_t s, wsi_meta_t *meta, wsi_log_t *log, uint8_t *buf,
    size_t size, wsi_event_t *event)
{
    static char  line[] = "{}\n", text[] = "wallarm: stub event";

    if (!sessions[s].event) {
        return 0;
    }

    (void) meta;
    (void) log;
    memset(event, 0, sizeof(*event));
    event->line = sizeof(line) - 1;
    event->text = sizeof(text) - 1;
    event->attack = 1;
    strcpy(event->type, "xss");

    if (size < event->line + event->text) {
        return -1;
    }

    memcpy(buf, line, event->line);
    memcpy(buf + event->line, text, event->text);

    return 1;
}


void wsi_event_done(uint64_t s)
{
    sessions[s].event = 0;
}


int32_t wsi_event_summary(wsi_log_t *log, int64_t now, uint8_t *buf,
    size_t size, size_t *len)
{
    (void) log;
    (void) now;
    (void) buf;
    (void) size;
    (void) len;

    return 0;
}


int32_t wsi_connection(uint64_t s, wsi_meta_t *meta, wsi_traffic_t *traffic,
    uint8_t *buf, size_t size, size_t *len)
{
    (void) s;
    (void) meta;
    (void) traffic;
    (void) buf;
    (void) size;
    (void) len;

    return 0;
}


int32_t wsi_close(uint64_t s, wsi_meta_t *meta)
{
    int  pending;

    (void) meta;

    pthread_mutex_lock(&lock);
    pending = sessions[s].pending;
    sessions[s].used = pending;
    pthread_mutex_unlock(&lock);

    return pending;
}


uint32_t wsi_drain(uint32_t timeout_ms)
{
    (void) timeout_ms;
    return 0;
}
