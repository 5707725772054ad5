
/*
 * Counters in shared memory, and the location that shows them.
 *
 * A counter has some lanes, each in cache lines of its own, so that workers do
 * not wait for one another; what is shown is their sum.  What goes up and down
 * is kept by process, so that it ends with the process, however that ends.
 * Nothing is locked but to name something new.
 */


#include "ngx_http_wallarm_websocket.h"


#define NGX_HTTP_WALLARM_WEBSOCKET_LANES      8
#define NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES  256
#define NGX_HTTP_WALLARM_WEBSOCKET_TYPES      32
#define NGX_HTTP_WALLARM_WEBSOCKET_TOKENS     64
#define NGX_HTTP_WALLARM_WEBSOCKET_TOKEN_LEN  40
#define NGX_HTTP_WALLARM_WEBSOCKET_LABELS     64
#define NGX_HTTP_WALLARM_WEBSOCKET_LABEL_LEN  64

/* the longest thing that is written at once */
#define NGX_HTTP_WALLARM_WEBSOCKET_PIECE      512
#define NGX_HTTP_WALLARM_WEBSOCKET_OUTPUT     16384

/* rules whose ignored hits are told apart, with one label */
#define NGX_HTTP_WALLARM_WEBSOCKET_RULES      64

#define NGX_HTTP_WALLARM_WEBSOCKET_CLEARING   ((ngx_atomic_uint_t) -1)


typedef enum {
    ngx_http_wallarm_websocket_status_off = 0,
    ngx_http_wallarm_websocket_status_json,
    ngx_http_wallarm_websocket_status_prometheus
} ngx_http_wallarm_websocket_status_e;


/* whole cache lines */

typedef struct {
    ngx_atomic_t                  n[ngx_align(
                                    NGX_HTTP_WALLARM_WEBSOCKET_COUNTERS, 8)];
} ngx_http_wallarm_websocket_lane_t;


typedef struct {
    ngx_atomic_t                  n;
    ngx_uint_t                    type;
    u_char                        name[72];
} ngx_http_wallarm_websocket_ignored_t;


/* what is counted with one label, or with none */

typedef struct {
    ngx_http_wallarm_websocket_lane_t  lanes[NGX_HTTP_WALLARM_WEBSOCKET_LANES];

    ngx_atomic_t                  attacks[NGX_HTTP_WALLARM_WEBSOCKET_TYPES][2];

    /* by rule, and of those that have no place by type */
    ngx_atomic_t                  nignored;
    ngx_http_wallarm_websocket_ignored_t
                                  ignored[NGX_HTTP_WALLARM_WEBSOCKET_RULES];
    ngx_atomic_t                  other[NGX_HTTP_WALLARM_WEBSOCKET_TYPES];

    ngx_atomic_t                  violations[NGX_HTTP_WALLARM_WEBSOCKET_TOKENS]
                                            [3];
    ngx_atomic_t                  refused[2]
                                         [NGX_HTTP_WALLARM_WEBSOCKET_TOKENS];
} ngx_http_wallarm_websocket_block_t;


typedef struct {
    ngx_atomic_t                  pid;
    ngx_atomic_uint_t             gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGES];
} ngx_http_wallarm_websocket_process_t;


typedef struct {
    ngx_http_wallarm_websocket_block_t  *block;
    size_t                        len;
    u_char                        name[NGX_HTTP_WALLARM_WEBSOCKET_LABEL_LEN];
} ngx_http_wallarm_websocket_labelled_t;


typedef struct {
    ngx_http_wallarm_websocket_process_t
                         processes[NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES];

    ngx_atomic_t                  nlabels;   /* the first has no name */
    ngx_http_wallarm_websocket_labelled_t
                         labels[NGX_HTTP_WALLARM_WEBSOCKET_LABELS + 1];

    /* the last is for those that have no place */
    ngx_atomic_t                  ntokens;
    u_char                        tokens[NGX_HTTP_WALLARM_WEBSOCKET_TOKENS]
                                        [NGX_HTTP_WALLARM_WEBSOCKET_TOKEN_LEN];

    uint64_t                      startid;
    time_t                        start;
    ngx_uint_t                    configurations;   /* the master alone */
} ngx_http_wallarm_websocket_status_t;


struct ngx_http_wallarm_websocket_label_s {
    ngx_str_t                     name;
    ngx_uint_t                    index;     /* in the zone */
};


typedef struct {
    ngx_pool_t                   *pool;
    ngx_chain_t                  *first;
    ngx_chain_t                 **next;
    ngx_buf_t                    *buf;
    off_t                         size;
    ngx_uint_t                    failed;
} ngx_http_wallarm_websocket_output_t;


typedef struct {
    const char                   *name;
    const char                   *help;
    ngx_uint_t                    first;
    ngx_uint_t                    n;
    const char                  **labels;    /* n, NULL: one without */
    ngx_uint_t                    whole;     /* not by zone label */
} ngx_http_wallarm_websocket_metric_t;


static ngx_int_t ngx_http_wallarm_websocket_status_zone(ngx_conf_t *cf);
static ngx_int_t ngx_http_wallarm_websocket_status_init_zone(
    ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_wallarm_websocket_status_label(
    ngx_slab_pool_t *shpool, ngx_http_wallarm_websocket_status_t *st,
    ngx_str_t *name);
static ngx_uint_t ngx_http_wallarm_websocket_status_token(u_char *name);
static void ngx_http_wallarm_websocket_status_ignored(
    ngx_http_wallarm_websocket_block_t *block, ngx_uint_t type, u_char *rule);
static ngx_int_t ngx_http_wallarm_websocket_status_handler(
    ngx_http_request_t *r);
static void ngx_http_wallarm_websocket_status_json_output(
    ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_status_t *st);
static void ngx_http_wallarm_websocket_status_prometheus_output(
    ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_status_t *st);


static const char  *ngx_http_wallarm_websocket_actions[] = {
    "blocked", "monitored", "logged"
};

/* the upper bounds of the buckets but the last, in ns */

static uint64_t  ngx_http_wallarm_websocket_bounds[] = {
    50000, 100000, 250000, 500000,
    1000000, 2500000, 5000000, 10000000, 25000000, 50000000,
    100000000, 250000000, 500000000, 1000000000
};

static const char  *ngx_http_wallarm_websocket_les[] = {
    "5e-05", "0.0001", "0.00025", "0.0005",
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1", "0.25", "0.5", "1", "+Inf"
};

static uint32_t  ngx_http_wallarm_websocket_codes[] = {
    1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013
};


static const char  *ngx_http_wallarm_websocket_message_labels[] = {
    "direction=\"client_to_server\",opcode=\"text\"",
    "direction=\"client_to_server\",opcode=\"binary\"",
    "direction=\"server_to_client\",opcode=\"text\"",
    "direction=\"server_to_client\",opcode=\"binary\""
};

static const char  *ngx_http_wallarm_websocket_direction_labels[] = {
    "direction=\"client_to_server\"", "direction=\"server_to_client\""
};

static const char  *ngx_http_wallarm_websocket_reason_labels[] = {
    "reason=\"message_too_big\"", "reason=\"deflate_too_big\"",
    "reason=\"process_time_limit\"", "reason=\"format_limit\"",
    "reason=\"memory_exhausted\"", "reason=\"message_assembly_timeout\"",
    "reason=\"body_undecodable\"", "reason=\"protocol\"",
    "reason=\"engine\"", "reason=\"handshake\""
};

static const char  *ngx_http_wallarm_websocket_code_labels[] = {
    "code=\"1001\"", "code=\"1002\"", "code=\"1003\"", "code=\"1007\"",
    "code=\"1008\"", "code=\"1009\"", "code=\"1011\"", "code=\"1012\"",
    "code=\"1013\"", "code=\"other\""
};

static const char  *ngx_http_wallarm_websocket_sink_labels[] = {
    "sink=\"file\"", "sink=\"syslog\""
};


/* counters that are shown as they are */

static ngx_http_wallarm_websocket_metric_t
    ngx_http_wallarm_websocket_metrics[] =
{
    { "wallarm_websocket_connections_total",
      "WebSocket connections that were upgraded where messages are inspected.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_CONNECTIONS, 1, NULL, 0 },

    { "wallarm_websocket_connections_dropped_total",
      "Connections that were dropped, by the close code.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_DROPPED,
      NGX_HTTP_WALLARM_WEBSOCKET_CODES,
      ngx_http_wallarm_websocket_code_labels, 0 },

    { "wallarm_websocket_messages_discarded_total",
      "Messages that were dropped while the connection went on.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_DISCARDED, 1, NULL, 0 },

    { "wallarm_websocket_polling_requests_total",
      "Requests of polling transports that were judged.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_POLLING, 1, NULL, 0 },

    { "wallarm_websocket_messages_total",
      "Data messages that were completed.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_MESSAGES, 4,
      ngx_http_wallarm_websocket_message_labels, 0 },

    { "wallarm_websocket_message_bytes_total",
      "Payload bytes of data messages, as on the wire.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_BYTES, 2,
      ngx_http_wallarm_websocket_direction_labels, 0 },

    { "wallarm_websocket_uninspected_messages_total",
      "Messages, requests and connections that passed without a verdict.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED,
      NGX_HTTP_WALLARM_WEBSOCKET_REASONS,
      ngx_http_wallarm_websocket_reason_labels, 0 },

    { "wallarm_websocket_uninspected_bytes_total",
      "Bytes of directions that could not be decoded any more.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED_BYTES, 2,
      ngx_http_wallarm_websocket_direction_labels, 0 },

    { "wallarm_event_log_events_total",
      "Lines written to event logs.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS, 2,
      ngx_http_wallarm_websocket_sink_labels, 1 },

    { "wallarm_event_log_dropped_total",
      "Lines of event logs that were lost, or cut, because a write failed.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_DROPPED, 2,
      ngx_http_wallarm_websocket_sink_labels, 1 },

    { "wallarm_event_log_sampled_total",
      "Events that were left out of event logs as configured.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_SAMPLED, 1, NULL, 1 },

    { "wallarm_websocket_worker_crashes_total",
      "Workers that ended without having said so.",
      NGX_HTTP_WALLARM_WEBSOCKET_COUNT_CRASHES, 1, NULL, 1 },

    { NULL, NULL, 0, 0, NULL, 0 }
};


/* of this process; without a zone gauges go nowhere */

static ngx_http_wallarm_websocket_status_t   *status;
static ngx_slab_pool_t                       *status_pool;
static ngx_http_wallarm_websocket_process_t   nobody;
static ngx_http_wallarm_websocket_process_t  *self = &nobody;
static ngx_uint_t                             lane;

/* what blocked what the last events are of, or none */
static ngx_uint_t                             blocked =
                                              NGX_HTTP_WALLARM_WEBSOCKET_TOKENS;


char *
ngx_http_wallarm_websocket_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i, on, format;
    ngx_http_core_loc_conf_t  *clcf;

    if (wlcf->status != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    on = 1;
    format = ngx_http_wallarm_websocket_status_json;

    for (i = 1; i < cf->args->nelts; i++) {

        if (i == 1 && ngx_strcmp(value[i].data, "on") == 0) {
            continue;
        }

        if (i == 1 && ngx_strcmp(value[i].data, "off") == 0) {
            on = 0;
            continue;
        }

        if (i == cf->args->nelts - 1
            && ngx_strcmp(value[i].data, "format=json") == 0)
        {
            continue;
        }

        if (i == cf->args->nelts - 1
            && ngx_strcmp(value[i].data, "format=prometheus") == 0)
        {
            format = ngx_http_wallarm_websocket_status_prometheus;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (!on) {
        wlcf->status = ngx_http_wallarm_websocket_status_off;
        return NGX_CONF_OK;
    }

    wlcf->status = format;

    if (ngx_http_wallarm_websocket_status_zone(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_wallarm_websocket_status_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_wallarm_websocket_zone_label(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    u_char                                ch;
    ngx_str_t                            *value;
    ngx_uint_t                            i;
    ngx_wallarm_websocket_conf_t         *wcf;
    ngx_http_wallarm_websocket_label_t  **label;

    if (wlcf->label != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    value++;

    if (ngx_strcmp(value->data, "off") == 0) {
        wlcf->label = NULL;
        return NGX_CONF_OK;
    }

    if (value->len == 0 || value->len > NGX_HTTP_WALLARM_WEBSOCKET_LABEL_LEN) {
        return "must have 1 to 64 characters";
    }

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == '_' || ch == '-' || ch == '.')
        {
            continue;
        }

        return "may have letters, digits, \"_\", \"-\" and \".\" only";
    }

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cf->cycle->conf_ctx, ngx_wallarm_websocket_module);

    label = wcf->labels.elts;

    for (i = 0; i < wcf->labels.nelts; i++) {
        if (label[i]->name.len == value->len
            && ngx_strncmp(label[i]->name.data, value->data, value->len) == 0)
        {
            wlcf->label = label[i];
            return NGX_CONF_OK;
        }
    }

    if (wcf->labels.nelts == NGX_HTTP_WALLARM_WEBSOCKET_LABELS) {
        return "is used with more than 64 labels";
    }

    label = ngx_array_push(&wcf->labels);
    if (label == NULL) {
        return NGX_CONF_ERROR;
    }

    *label = ngx_pcalloc(cf->pool, sizeof(ngx_http_wallarm_websocket_label_t));
    if (*label == NULL) {
        return NGX_CONF_ERROR;
    }

    (*label)->name = *value;
    wlcf->label = *label;

    return NGX_CONF_OK;
}


/* its size is the same in any configuration, or a reload would lose it */

static ngx_int_t
ngx_http_wallarm_websocket_status_zone(ngx_conf_t *cf)
{
    size_t                         size;
    ngx_str_t                      name;
    ngx_shm_zone_t                *zone;
    ngx_wallarm_websocket_conf_t  *wcf;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cf->cycle->conf_ctx, ngx_wallarm_websocket_module);

    if (wcf->status) {
        return NGX_OK;
    }

    ngx_str_set(&name, "wallarm_status");

    size = ngx_align(sizeof(ngx_http_wallarm_websocket_status_t), ngx_pagesize)
           + (NGX_HTTP_WALLARM_WEBSOCKET_LABELS + 1)
             * ngx_align(sizeof(ngx_http_wallarm_websocket_block_t),
                         ngx_pagesize)
           + 16 * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &name, size,
                                 &ngx_http_wallarm_websocket_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_wallarm_websocket_status_init_zone;
    zone->data = wcf;

    wcf->status = zone;

    return NGX_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_status_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_int_t                              index;
    ngx_str_t                              none;
    ngx_uint_t                             i;
    ngx_slab_pool_t                       *shpool;
    ngx_wallarm_websocket_conf_t          *wcf;
    ngx_http_wallarm_websocket_label_t   **label;
    ngx_http_wallarm_websocket_status_t   *st;

    wcf = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    st = shpool->data;

    if (data == NULL) {

        st = ngx_slab_calloc(shpool,
                             sizeof(ngx_http_wallarm_websocket_status_t));
        if (st == NULL) {
            return NGX_ERROR;
        }

        st->start = ngx_time();
        st->startid = (uint64_t) ngx_time() << 32 | (uint32_t) ngx_random();

        ngx_cpystrn(st->tokens[NGX_HTTP_WALLARM_WEBSOCKET_TOKENS - 1],
                    (u_char *) "other", NGX_HTTP_WALLARM_WEBSOCKET_TOKEN_LEN);

        ngx_str_null(&none);

        if (ngx_http_wallarm_websocket_status_label(shpool, st, &none) != 0) {
            return NGX_ERROR;
        }

        shpool->data = st;
    }

    /* labels of former configurations stay: their workers may still count */

    label = wcf->labels.elts;

    for (i = 0; i < wcf->labels.nelts; i++) {

        index = ngx_http_wallarm_websocket_status_label(shpool, st,
                                                        &label[i]->name);
        if (index == NGX_ERROR) {
            ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                          "wallarm: no room for the label \"%V\" beside those "
                          "of former configurations: until a restart it is "
                          "counted without it", &label[i]->name);
            index = 0;
        }

        label[i]->index = index;
    }

    return NGX_OK;
}


/* the master alone */

static ngx_int_t
ngx_http_wallarm_websocket_status_label(ngx_slab_pool_t *shpool,
    ngx_http_wallarm_websocket_status_t *st, ngx_str_t *name)
{
    ngx_uint_t                              i;
    ngx_http_wallarm_websocket_labelled_t  *l;

    for (i = 0; i < st->nlabels; i++) {
        l = &st->labels[i];

        if (l->len == name->len
            && ngx_memcmp(l->name, name->data, name->len) == 0)
        {
            return i;
        }
    }

    if (i == NGX_HTTP_WALLARM_WEBSOCKET_LABELS + 1) {
        return NGX_ERROR;
    }

    l = &st->labels[i];

    l->block = ngx_slab_calloc(shpool,
                               sizeof(ngx_http_wallarm_websocket_block_t));
    if (l->block == NULL) {
        return NGX_ERROR;
    }

    l->len = name->len;
    ngx_memcpy(l->name, name->data, name->len);

    ngx_memory_barrier();

    st->nlabels++;

    return i;
}


/* a configuration is in force */

void
ngx_http_wallarm_websocket_status_loaded(ngx_wallarm_websocket_conf_t *wcf)
{
    ngx_slab_pool_t                      *shpool;
    ngx_http_wallarm_websocket_status_t  *st;

    if (wcf->status == NULL) {
        return;
    }

    shpool = (ngx_slab_pool_t *) wcf->status->shm.addr;
    st = shpool->data;
    st->configurations++;
}


void
ngx_http_wallarm_websocket_status_init(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf)
{
    ngx_uint_t                             i;
    ngx_atomic_uint_t                      pid;
    ngx_http_wallarm_websocket_process_t  *p;

    if (wcf->status == NULL) {
        return;
    }

    status_pool = (ngx_slab_pool_t *) wcf->status->shm.addr;
    status = status_pool->data;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES; i++) {
        p = &status->processes[i];
        pid = p->pid;

        if (pid && pid != NGX_HTTP_WALLARM_WEBSOCKET_CLEARING
            && kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == ESRCH
            && ngx_atomic_cmp_set(&p->pid, pid,
                                  NGX_HTTP_WALLARM_WEBSOCKET_CLEARING))
        {
            ngx_memzero(p->gauges, sizeof(p->gauges));
            ngx_memory_barrier();
            p->pid = 0;

            ngx_http_wallarm_websocket_status_add(NULL,
                                 NGX_HTTP_WALLARM_WEBSOCKET_COUNT_CRASHES, 1);
        }

        if (self == &nobody
            && ngx_atomic_cmp_set(&p->pid, 0, (ngx_atomic_uint_t) ngx_pid))
        {
            self = p;
            lane = i % NGX_HTTP_WALLARM_WEBSOCKET_LANES;
        }
    }

    if (self == &nobody) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "wallarm: more than %d processes, \"wallarm_status\" "
                      "lacks the gauges of this one",
                      NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES);
    }

    ngx_http_wallarm_websocket_status_set(
               NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_ENGINE,
               !wcf->in_use ? 2 : ngx_http_wallarm_websocket_bridge_ready());

    if (wcf->in_use) {
        ngx_http_wallarm_websocket_status_set(
                    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_THREADS, wcf->threads);
        ngx_http_wallarm_websocket_status_set(
                    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_MEMORY, wcf->memory);
    }

    ngx_http_wallarm_websocket_bridge_clock();
}


void
ngx_http_wallarm_websocket_status_exit(void)
{
    ngx_http_wallarm_websocket_process_t  *p;

    if (self == &nobody) {
        return;
    }

    p = self;
    self = &nobody;

    ngx_memzero(p->gauges, sizeof(p->gauges));
    ngx_memory_barrier();
    p->pid = 0;
}


static ngx_inline ngx_http_wallarm_websocket_block_t *
ngx_http_wallarm_websocket_status_block(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    return status->labels[wlcf && wlcf->label ? wlcf->label->index : 0].block;
}


void
ngx_http_wallarm_websocket_status_add(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf, ngx_uint_t counter,
    ngx_uint_t n)
{
    ngx_http_wallarm_websocket_block_t  *block;

    if (status == NULL) {
        return;
    }

    block = ngx_http_wallarm_websocket_status_block(wlcf);

    (void) ngx_atomic_fetch_add(&block->lanes[lane].n[counter], n);
}


void
ngx_http_wallarm_websocket_status_set(ngx_uint_t gauge, size_t value)
{
    self->gauges[gauge] = value;
}


void
ngx_http_wallarm_websocket_status_connection(
    ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ctx->counted = 1;
    self->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_CONNECTIONS]++;

    ngx_http_wallarm_websocket_status_add(ctx->conf,
                              NGX_HTTP_WALLARM_WEBSOCKET_COUNT_CONNECTIONS, 1);
}


void
ngx_http_wallarm_websocket_status_closed(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    if (ctx->counted) {
        ctx->counted = 0;
        self->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_CONNECTIONS]--;
    }
}


void
ngx_http_wallarm_websocket_status_dropped(
    ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_uint_t  i, n;

    n = sizeof(ngx_http_wallarm_websocket_codes) / sizeof(uint32_t);

    for (i = 0; i < n; i++) {
        if (ngx_http_wallarm_websocket_codes[i] == ctx->close_code) {
            break;
        }
    }

    ngx_http_wallarm_websocket_status_add(ctx->conf,
                              NGX_HTTP_WALLARM_WEBSOCKET_COUNT_DROPPED + i, 1);
}


/* reason: a token, or NULL for what the last events say */

void
ngx_http_wallarm_websocket_status_refused(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf, ngx_uint_t polling,
    const char *reason)
{
    ngx_uint_t                           i;
    ngx_http_wallarm_websocket_block_t  *block;

    if (status == NULL) {
        return;
    }

    i = reason ? ngx_http_wallarm_websocket_status_token((u_char *) reason)
               : ngx_min(blocked, NGX_HTTP_WALLARM_WEBSOCKET_TOKENS - 1);

    block = ngx_http_wallarm_websocket_status_block(wlcf);

    (void) ngx_atomic_fetch_add(&block->refused[polling ? 1 : 0][i], 1);
}


/* begins what status_refused() looks at */

void
ngx_http_wallarm_websocket_status_events(void)
{
    blocked = NGX_HTTP_WALLARM_WEBSOCKET_TOKENS;
}


void
ngx_http_wallarm_websocket_status_event(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_event_t *event)
{
    ngx_uint_t                           i;
    ngx_http_wallarm_websocket_block_t  *block;

    if (status == NULL) {
        return;
    }

    block = ngx_http_wallarm_websocket_status_block(wlcf);

    if (event->action == NGX_HTTP_WALLARM_WEBSOCKET_BLOCKED
        && blocked == NGX_HTTP_WALLARM_WEBSOCKET_TOKENS)
    {
        blocked = ngx_http_wallarm_websocket_status_token(event->type);
    }

    if (event->attack) {
        i = ngx_min(ngx_http_wallarm_websocket_type(event->type),
                    NGX_HTTP_WALLARM_WEBSOCKET_TYPES - 1);

        if (event->action == NGX_HTTP_WALLARM_WEBSOCKET_IGNORED) {
            ngx_http_wallarm_websocket_status_ignored(block, i, event->rule);

        } else if (event->action <= NGX_HTTP_WALLARM_WEBSOCKET_MONITORED) {
            (void) ngx_atomic_fetch_add(&block->attacks[i][event->action], 1);
        }

    } else if (event->action <= NGX_HTTP_WALLARM_WEBSOCKET_LOGGED) {
        i = ngx_http_wallarm_websocket_status_token(event->type);
        (void) ngx_atomic_fetch_add(&block->violations[i][event->action], 1);
    }
}


/* the hot path */

void
ngx_http_wallarm_websocket_status_result(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_result_t *res)
{
    uint64_t       time;
    ngx_uint_t     i;
    ngx_atomic_t  *n;

    if (status == NULL) {
        return;
    }

    ngx_http_wallarm_websocket_status_set(
                        NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_JOBS, res->jobs);

    n = ngx_http_wallarm_websocket_status_block(ctx->conf)->lanes[lane].n;

#define COUNT(what, by)                                                       \
    (void) ngx_atomic_fetch_add(                                              \
        &n[NGX_HTTP_WALLARM_WEBSOCKET_COUNT_##what], by)

    if (!ctx->http) {

        if (res->bytes) {
            COUNT(BYTES + direction, res->bytes);
        }

        if (res->messages != res->binary) {
            COUNT(MESSAGES + 2 * direction, res->messages - res->binary);
        }

        if (res->binary) {
            COUNT(MESSAGES + 2 * direction + 1, res->binary);
        }
    }

    if (res->judged) {
        time = res->loop_time / res->judged;

        for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_BUCKETS - 1; i++) {
            if (time <= ngx_http_wallarm_websocket_bounds[i]) {
                break;
            }
        }

        COUNT(LOOP + i, res->judged);
        COUNT(LOOP_TIME, res->loop_time);
    }

    if (res->threaded) {

        for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_BUCKETS - 1; i++) {
            if (res->thread_time <= ngx_http_wallarm_websocket_bounds[i]) {
                break;
            }
        }

        COUNT(THREAD + i, res->threaded);
        COUNT(THREAD_TIME, res->thread_time);
    }

    if (res->discard) {
        COUNT(DISCARDED, 1);
    }

    if (res->uninspected) {

        for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_REASONS; i++) {
            if (res->reasons[i]) {
                COUNT(UNINSPECTED + i, res->reasons[i]);
            }
        }
    }

#undef COUNT
}


/* a violation's token or an attack's type has the same number everywhere,
   whichever engine a worker has; the names are few and only added */

static ngx_uint_t
ngx_http_wallarm_websocket_status_token(u_char *name)
{
    ngx_uint_t  i, n, locked;

    locked = 0;
    i = 0;

    for ( ;; ) {

        for (n = status->ntokens; i < n; i++) {
            if (ngx_strcmp(status->tokens[i], name) == 0) {
                goto found;
            }
        }

        if (locked) {
            break;
        }

        ngx_shmtx_lock(&status_pool->mutex);
        locked = 1;
    }

    if (i < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS - 1
        && ngx_strlen(name) < NGX_HTTP_WALLARM_WEBSOCKET_TOKEN_LEN)
    {
        ngx_cpystrn(status->tokens[i], name,
                    NGX_HTTP_WALLARM_WEBSOCKET_TOKEN_LEN);

        ngx_memory_barrier();

        status->ntokens = i + 1;

    } else {
        i = NGX_HTTP_WALLARM_WEBSOCKET_TOKENS - 1;
    }

found:

    if (locked) {
        ngx_shmtx_unlock(&status_pool->mutex);
    }

    return i;
}


static void
ngx_http_wallarm_websocket_status_ignored(
    ngx_http_wallarm_websocket_block_t *block, ngx_uint_t type, u_char *rule)
{
    ngx_uint_t                             i, n, locked;
    ngx_http_wallarm_websocket_ignored_t  *ignored;

    locked = 0;
    i = 0;

    for ( ;; ) {

        for (n = block->nignored; i < n; i++) {
            ignored = &block->ignored[i];

            if (ignored->type == type
                && ngx_strcmp(ignored->name, rule) == 0)
            {
                (void) ngx_atomic_fetch_add(&ignored->n, 1);
                goto done;
            }
        }

        if (locked) {
            break;
        }

        if (n == NGX_HTTP_WALLARM_WEBSOCKET_RULES) {
            (void) ngx_atomic_fetch_add(&block->other[type], 1);
            return;
        }

        ngx_shmtx_lock(&status_pool->mutex);
        locked = 1;
    }

    if (i == NGX_HTTP_WALLARM_WEBSOCKET_RULES) {
        (void) ngx_atomic_fetch_add(&block->other[type], 1);
        goto done;
    }

    ignored = &block->ignored[i];

    ignored->n = 1;
    ignored->type = type;
    ngx_cpystrn(ignored->name, rule, sizeof(ignored->name));

    ngx_memory_barrier();

    block->nignored = i + 1;

done:

    if (locked) {
        ngx_shmtx_unlock(&status_pool->mutex);
    }
}


static ngx_int_t
ngx_http_wallarm_websocket_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                               rc;
    ngx_str_t                               value;
    ngx_uint_t                              format;
    ngx_slab_pool_t                        *shpool;
    ngx_wallarm_websocket_conf_t           *wcf;
    ngx_http_wallarm_websocket_output_t     out;
    ngx_http_wallarm_websocket_loc_conf_t  *wlcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_wallarm_websocket_module);
    format = wlcf->status;

    if (ngx_http_arg(r, (u_char *) "format", 6, &value) == NGX_OK) {

        if (value.len == 4 && ngx_strncmp(value.data, "json", 4) == 0) {
            format = ngx_http_wallarm_websocket_status_json;

        } else if (value.len == 10
                   && ngx_strncmp(value.data, "prometheus", 10) == 0)
        {
            format = ngx_http_wallarm_websocket_status_prometheus;

        } else {
            return NGX_HTTP_BAD_REQUEST;
        }
    }

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(ngx_cycle->conf_ctx, ngx_wallarm_websocket_module);

    shpool = (ngx_slab_pool_t *) wcf->status->shm.addr;

    ngx_memzero(&out, sizeof(ngx_http_wallarm_websocket_output_t));
    out.pool = r->pool;
    out.next = &out.first;

    if (format == ngx_http_wallarm_websocket_status_prometheus) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
        ngx_http_wallarm_websocket_status_prometheus_output(&out,
                                                            shpool->data);

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        ngx_http_wallarm_websocket_status_json_output(&out, shpool->data);
    }

    if (out.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = out.size;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf->last_buf = (r == r->main) ? 1 : 0;
    out.buf->last_in_chain = 1;

    return ngx_http_output_filter(r, out.first);
}


/* at most NGX_HTTP_WALLARM_WEBSOCKET_PIECE bytes */

static void
ngx_http_wallarm_websocket_put(ngx_http_wallarm_websocket_output_t *out,
    const char *fmt, ...)
{
    u_char       *p;
    va_list       args;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (out->failed) {
        return;
    }

    b = out->buf;

    if (b == NULL || b->end - b->last < NGX_HTTP_WALLARM_WEBSOCKET_PIECE) {

        b = ngx_create_temp_buf(out->pool, NGX_HTTP_WALLARM_WEBSOCKET_OUTPUT);
        cl = ngx_alloc_chain_link(out->pool);

        if (b == NULL || cl == NULL) {
            out->failed = 1;
            return;
        }

        cl->buf = b;
        cl->next = NULL;

        *out->next = cl;
        out->next = &cl->next;
        out->buf = b;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(b->last, b->last + NGX_HTTP_WALLARM_WEBSOCKET_PIECE, fmt,
                      args);
    va_end(args);

    out->size += p - b->last;
    b->last = p;
}


static ngx_atomic_uint_t
ngx_http_wallarm_websocket_sum(ngx_http_wallarm_websocket_block_t *block,
    ngx_uint_t first, ngx_uint_t n)
{
    ngx_uint_t         i, l;
    ngx_atomic_uint_t  sum;

    sum = 0;

    for (i = first; i < first + n; i++) {
        for (l = 0; l < NGX_HTTP_WALLARM_WEBSOCKET_LANES; l++) {
            sum += block->lanes[l].n[i];
        }
    }

    return sum;
}


static ngx_atomic_uint_t
ngx_http_wallarm_websocket_sum_attacks(
    ngx_http_wallarm_websocket_block_t *block, ngx_uint_t action)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  sum;

    sum = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_TYPES; i++) {
        sum += block->attacks[i][action];
    }

    return sum;
}


static ngx_atomic_uint_t
ngx_http_wallarm_websocket_sum_violations(
    ngx_http_wallarm_websocket_block_t *block)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  sum;

    sum = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS; i++) {
        sum += block->violations[i][0] + block->violations[i][1]
               + block->violations[i][2];
    }

    return sum;
}


static ngx_atomic_uint_t
ngx_http_wallarm_websocket_sum_refused(
    ngx_http_wallarm_websocket_block_t *block, ngx_uint_t polling)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  sum;

    sum = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS; i++) {
        sum += block->refused[polling][i];
    }

    return sum;
}


static ngx_atomic_uint_t
ngx_http_wallarm_websocket_sum_gauge(ngx_http_wallarm_websocket_status_t *st,
    ngx_uint_t gauge)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  sum;

    sum = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES; i++) {
        sum += st->processes[i].gauges[gauge];
    }

    return sum;
}


/* processes with an engine, or that should have one */

static ngx_uint_t
ngx_http_wallarm_websocket_engines(ngx_http_wallarm_websocket_status_t *st,
    ngx_uint_t loaded)
{
    ngx_uint_t                             i, n;
    ngx_http_wallarm_websocket_process_t  *p;

    n = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES; i++) {
        p = &st->processes[i];

        if (p->pid && p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_ENGINE]
                      == loaded)
        {
            n++;
        }
    }

    return n;
}


/* the lowest of the processes with an engine */

static ngx_atomic_uint_t
ngx_http_wallarm_websocket_generation(ngx_http_wallarm_websocket_status_t *st)
{
    ngx_uint_t                             i, n;
    ngx_atomic_uint_t                      lowest, g;
    ngx_http_wallarm_websocket_process_t  *p;

    n = 0;
    lowest = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES; i++) {
        p = &st->processes[i];

        if (p->pid
            && p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_ENGINE] == 1)
        {
            g = p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_GENERATION];
            lowest = (n++ == 0) ? g : ngx_min(lowest, g);
        }
    }

    return lowest;
}


/* what has Wallarm's names, of one block or as a sum */

typedef struct {
    ngx_atomic_uint_t             requests;
    ngx_atomic_uint_t             streams;
    ngx_atomic_uint_t             messages;
    ngx_atomic_uint_t             attacks;
    ngx_atomic_uint_t             blocked;
    ngx_atomic_uint_t             abnormal;
    ngx_atomic_uint_t             lost;
    ngx_atomic_uint_t             overlimits;
    ngx_atomic_uint_t             crashes;
    ngx_atomic_uint_t             bytes_in;
    ngx_atomic_uint_t             bytes_out;
    ngx_atomic_uint_t             uninspected;
    uint64_t                      time;
} ngx_http_wallarm_websocket_totals_t;


static void
ngx_http_wallarm_websocket_total(ngx_http_wallarm_websocket_block_t *b,
    ngx_http_wallarm_websocket_totals_t *t)
{
    ngx_atomic_uint_t  blocked, refused;

#define SUM(what, n)                                                          \
    ngx_http_wallarm_websocket_sum(b,                                         \
                               NGX_HTTP_WALLARM_WEBSOCKET_COUNT_##what, n)

    blocked = ngx_http_wallarm_websocket_sum_attacks(b,
                                           NGX_HTTP_WALLARM_WEBSOCKET_BLOCKED);
    refused = ngx_http_wallarm_websocket_sum_refused(b, 0);

    t->streams += SUM(CONNECTIONS, 1);
    t->requests += SUM(CONNECTIONS, 1) + SUM(POLLING, 1) + refused;
    t->messages += SUM(MESSAGES, 4);
    t->attacks += blocked + ngx_http_wallarm_websocket_sum_attacks(b,
                                         NGX_HTTP_WALLARM_WEBSOCKET_MONITORED);
    t->blocked += SUM(DROPPED, NGX_HTTP_WALLARM_WEBSOCKET_CODES)
                  + SUM(DISCARDED, 1) + refused
                  + ngx_http_wallarm_websocket_sum_refused(b, 1);
    t->abnormal += ngx_http_wallarm_websocket_sum_violations(b);
    t->lost += SUM(EVENTS_DROPPED, 2);
    t->overlimits += SUM(UNINSPECTED + NGX_HTTP_WALLARM_WEBSOCKET_REASON_TIME,
                         1);
    t->crashes += SUM(CRASHES, 1);
    t->bytes_in += SUM(BYTES, 1);
    t->bytes_out += SUM(BYTES + 1, 1);
    t->uninspected += SUM(UNINSPECTED, NGX_HTTP_WALLARM_WEBSOCKET_REASONS);
    t->time += SUM(LOOP_TIME, 1) + SUM(THREAD_TIME, 1);

#undef SUM
}


static void
ngx_http_wallarm_websocket_put_totals(ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_totals_t *t)
{
    ngx_http_wallarm_websocket_put(out,
        "\"requests\":%uA,\"streams\":%uA,\"messages\":%uA,\"attacks\":%uA,"
        "\"blocked\":%uA,\"abnormal\":%uA,\"overlimits_time\":%uA,",
        t->requests, t->streams, t->messages, t->attacks, t->blocked,
        t->abnormal, t->overlimits);

    ngx_http_wallarm_websocket_put(out,
        "\"time_detect\":%uL.%09uL,\"bytes_in\":%uA,\"bytes_out\":%uA,"
        "\"uninspected\":%uA",
        t->time / 1000000000, t->time % 1000000000, t->bytes_in, t->bytes_out,
        t->uninspected);
}


static void
ngx_http_wallarm_websocket_status_json_output(
    ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_status_t *st)
{
    ngx_uint_t                              i, j, k, n, some;
    ngx_time_t                             *tp;
    ngx_atomic_uint_t                       sum[3];
    ngx_http_wallarm_websocket_totals_t     t;
    ngx_http_wallarm_websocket_process_t   *p;
    ngx_http_wallarm_websocket_labelled_t  *l;

    n = st->nlabels;
    tp = ngx_timeofday();

    ngx_memzero(&t, sizeof(ngx_http_wallarm_websocket_totals_t));

    for (i = 0; i < n; i++) {
        ngx_http_wallarm_websocket_total(st->labels[i].block, &t);
    }

    ngx_http_wallarm_websocket_put(out, "{");
    ngx_http_wallarm_websocket_put_totals(out, &t);

    ngx_http_wallarm_websocket_put(out,
        ",\"requests_lost\":%uA,\"segfaults\":%uA,\"startid\":%uL,"
        "\"start_time\":%T,\"timestamp\":%T.%03M,",
        t.lost, t.crashes, st->startid, st->start, tp->sec, tp->msec);

    ngx_http_wallarm_websocket_put(out,
        "\"engine_version\":\"%s\",\"nginx_version\":\"%s\","
        "\"config_generation\":%ui,"
        "\"rules_generation\":%uA,\"connections\":%uA,\"held_bytes\":%uA,"
        "\"offloop_messages\":%uA,\n",
        ngx_http_wallarm_websocket_bridge_version(), NGINX_VERSION,
        st->configurations, ngx_http_wallarm_websocket_generation(st),
        ngx_http_wallarm_websocket_sum_gauge(st,
                                 NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_CONNECTIONS),
        ngx_http_wallarm_websocket_sum_gauge(st,
                                        NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_HELD),
        ngx_http_wallarm_websocket_sum_gauge(st,
                                       NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_JOBS));

    ngx_http_wallarm_websocket_put(out, "\"uninspected_messages\":{");

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_REASONS; i++) {
        for (sum[0] = 0, j = 0; j < n; j++) {
            sum[0] += ngx_http_wallarm_websocket_sum(st->labels[j].block,
                          NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED + i, 1);
        }

        /* the name stands there in quotes */

        ngx_http_wallarm_websocket_put(out, "%s%s:%uA", i ? "," : "",
                               ngx_http_wallarm_websocket_reason_labels[i]
                                   + sizeof("reason=") - 1,
                               sum[0]);
    }

    ngx_http_wallarm_websocket_put(out, "},\n\"attack_types\":{");

    for (i = 0, some = 0; ngx_http_wallarm_websocket_types[i].len; i++) {
        sum[0] = 0;
        sum[1] = 0;

        for (j = 0; j < n; j++) {
            sum[0] += st->labels[j].block->attacks[i][0];
            sum[1] += st->labels[j].block->attacks[i][1];
        }

        if (sum[0] || sum[1]) {
            ngx_http_wallarm_websocket_put(out,
                "%s\"%V\":{\"blocked\":%uA,\"monitored\":%uA}",
                some++ ? "," : "", &ngx_http_wallarm_websocket_types[i],
                sum[0], sum[1]);
        }
    }

    ngx_http_wallarm_websocket_put(out, "},\n\"violations\":{");

    for (i = 0, some = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS; i++) {

        for (k = 0; k < 3; k++) {
            for (sum[k] = 0, j = 0; j < n; j++) {
                sum[k] += st->labels[j].block->violations[i][k];
            }
        }

        if (sum[0] || sum[1] || sum[2]) {
            ngx_http_wallarm_websocket_put(out,
                "%s\"%s\":{\"blocked\":%uA,\"monitored\":%uA,\"logged\":%uA}",
                some++ ? "," : "", st->tokens[i], sum[0], sum[1], sum[2]);
        }
    }

    ngx_http_wallarm_websocket_put(out, "},\n\"refused\":{");

    for (i = 0, some = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS; i++) {
        sum[0] = 0;
        sum[1] = 0;

        for (j = 0; j < n; j++) {
            sum[0] += st->labels[j].block->refused[0][i];
            sum[1] += st->labels[j].block->refused[1][i];
        }

        if (sum[0] || sum[1]) {
            ngx_http_wallarm_websocket_put(out,
                "%s\"%s\":{\"handshakes\":%uA,\"polling\":%uA}",
                some++ ? "," : "", st->tokens[i], sum[0], sum[1]);
        }
    }

    ngx_http_wallarm_websocket_put(out, "},\n\"zones\":[");

    for (i = 1; i < n; i++) {
        l = &st->labels[i];

        ngx_memzero(&t, sizeof(ngx_http_wallarm_websocket_totals_t));
        ngx_http_wallarm_websocket_total(l->block, &t);

        ngx_http_wallarm_websocket_put(out, "%s{\"label\":\"%*s\",",
                                       i > 1 ? ",\n" : "", l->len, l->name);
        ngx_http_wallarm_websocket_put_totals(out, &t);
        ngx_http_wallarm_websocket_put(out, "}");
    }

    ngx_http_wallarm_websocket_put(out, "],\n\"workers\":[");

    for (i = 0, some = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_PROCESSES; i++) {
        p = &st->processes[i];

        if (p->pid == 0 || p->pid == NGX_HTTP_WALLARM_WEBSOCKET_CLEARING) {
            continue;
        }

        ngx_http_wallarm_websocket_put(out,
            "%s{\"pid\":%uA,\"engine\":%s,\"connections\":%uA,"
            "\"held_bytes\":%uA,\"offloop_messages\":%uA,"
            "\"rules_generation\":%uA}",
            some++ ? ",\n" : "", p->pid,
            p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_ENGINE] == 1
                ? "true" : "false",
            p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_CONNECTIONS],
            p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_HELD],
            p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_JOBS],
            p->gauges[NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_GENERATION]);
    }

    ngx_http_wallarm_websocket_put(out, "]}\n");
}


static void
ngx_http_wallarm_websocket_put_metric(ngx_http_wallarm_websocket_output_t *out,
    const char *name, const char *type, const char *help)
{
    ngx_http_wallarm_websocket_put(out, "# HELP %s %s\n# TYPE %s %s\n",
                                   name, help, name, type);
}


/* the name and its labels; "labels" may be "" */

static void
ngx_http_wallarm_websocket_series(ngx_http_wallarm_websocket_output_t *out,
    const char *name, ngx_http_wallarm_websocket_labelled_t *l,
    const char *labels)
{
    if (l->len) {
        ngx_http_wallarm_websocket_put(out, "%s{zone=\"%*s\"%s%s} ", name,
                                       l->len, l->name, *labels ? "," : "",
                                       labels);

    } else if (*labels) {
        ngx_http_wallarm_websocket_put(out, "%s{%s} ", name, labels);

    } else {
        ngx_http_wallarm_websocket_put(out, "%s ", name);
    }
}


static void
ngx_http_wallarm_websocket_gauge(ngx_http_wallarm_websocket_output_t *out,
    const char *name, const char *help, ngx_atomic_uint_t value)
{
    ngx_http_wallarm_websocket_put_metric(out, name, "gauge", help);
    ngx_http_wallarm_websocket_put(out, "%s %uA\n", name, value);
}


static void
ngx_http_wallarm_websocket_histogram(ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_labelled_t *l, const char *where,
    ngx_uint_t first, ngx_uint_t time)
{
    u_char             labels[64];
    uint64_t           ns;
    ngx_uint_t         i;
    ngx_atomic_uint_t  sum;

    sum = 0;

    for (i = 0; i < NGX_HTTP_WALLARM_WEBSOCKET_BUCKETS; i++) {
        sum += ngx_http_wallarm_websocket_sum(l->block, first + i, 1);

        ngx_sprintf(labels, "where=\"%s\",le=\"%s\"%Z", where,
                    ngx_http_wallarm_websocket_les[i]);

        ngx_http_wallarm_websocket_series(out,
                        "wallarm_websocket_inspection_duration_seconds_bucket",
                        l, (char *) labels);
        ngx_http_wallarm_websocket_put(out, "%uA\n", sum);
    }

    ns = ngx_http_wallarm_websocket_sum(l->block, time, 1);

    ngx_sprintf(labels, "where=\"%s\"%Z", where);

    ngx_http_wallarm_websocket_series(out,
                           "wallarm_websocket_inspection_duration_seconds_sum",
                           l, (char *) labels);
    ngx_http_wallarm_websocket_put(out, "%uL.%09uL\n", ns / 1000000000,
                                   ns % 1000000000);

    ngx_http_wallarm_websocket_series(out,
                         "wallarm_websocket_inspection_duration_seconds_count",
                         l, (char *) labels);
    ngx_http_wallarm_websocket_put(out, "%uA\n", sum);
}


static void
ngx_http_wallarm_websocket_refused(ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_status_t *st, ngx_uint_t polling,
    const char *name, const char *help)
{
    u_char             labels[64];
    ngx_uint_t         i, j, n;
    ngx_atomic_uint_t  value;

    ngx_http_wallarm_websocket_put_metric(out, name, "counter", help);

    n = st->nlabels;

    for (i = 0; i < n; i++) {
        for (j = 0; j < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS; j++) {
            value = st->labels[i].block->refused[polling][j];

            if (value) {
                ngx_sprintf(labels, "reason=\"%s\"%Z", st->tokens[j]);
                ngx_http_wallarm_websocket_series(out, name, &st->labels[i],
                                                  (char *) labels);
                ngx_http_wallarm_websocket_put(out, "%uA\n", value);
            }
        }
    }
}


static void
ngx_http_wallarm_websocket_status_prometheus_output(
    ngx_http_wallarm_websocket_output_t *out,
    ngx_http_wallarm_websocket_status_t *st)
{
    u_char                                  labels[128];
    ngx_uint_t                              i, j, k, n;
    ngx_atomic_uint_t                       value;
    ngx_http_wallarm_websocket_metric_t    *m;
    ngx_http_wallarm_websocket_ignored_t   *ignored;
    ngx_http_wallarm_websocket_labelled_t  *l;

    n = st->nlabels;

    for (m = ngx_http_wallarm_websocket_metrics; m->name; m++) {

        ngx_http_wallarm_websocket_put_metric(out, m->name, "counter", m->help);

        for (i = 0; i < (m->whole ? 1 : n); i++) {
            l = &st->labels[i];

            for (j = 0; j < m->n; j++) {
                ngx_http_wallarm_websocket_series(out, m->name, l,
                                              m->labels ? m->labels[j] : "");
                ngx_http_wallarm_websocket_put(out, "%uA\n",
                    ngx_http_wallarm_websocket_sum(l->block, m->first + j, 1));
            }
        }
    }

    ngx_http_wallarm_websocket_put_metric(out, "wallarm_websocket_attacks_total",
                    "counter", "Attacks, by type and by what was done.");

    for (i = 0; i < n; i++) {
        l = &st->labels[i];

        for (j = 0; ngx_http_wallarm_websocket_types[j].len; j++) {
            for (k = 0; k < 2; k++) {
                ngx_sprintf(labels, "type=\"%V\",action=\"%s\"%Z",
                            &ngx_http_wallarm_websocket_types[j],
                            ngx_http_wallarm_websocket_actions[k]);
                ngx_http_wallarm_websocket_series(out,
                                            "wallarm_websocket_attacks_total",
                                            l, (char *) labels);
                ngx_http_wallarm_websocket_put(out, "%uA\n",
                                               l->block->attacks[j][k]);
            }
        }
    }

    ngx_http_wallarm_websocket_put_metric(out,
                    "wallarm_websocket_ignored_total", "counter",
                    "Messages that an exception kept from being an attack.");

    for (i = 0; i < n; i++) {
        l = &st->labels[i];

        for (j = 0; j < l->block->nignored; j++) {
            ignored = &l->block->ignored[j];

            ngx_sprintf(labels, "type=\"%V\",rule=\"%s\"%Z",
                        &ngx_http_wallarm_websocket_types[ignored->type],
                        ignored->name);
            ngx_http_wallarm_websocket_series(out,
                                            "wallarm_websocket_ignored_total",
                                            l, (char *) labels);
            ngx_http_wallarm_websocket_put(out, "%uA\n", ignored->n);
        }

        for (j = 0; ngx_http_wallarm_websocket_types[j].len; j++) {

            if (l->block->other[j]) {
                ngx_sprintf(labels, "type=\"%V\",rule=\"other\"%Z",
                            &ngx_http_wallarm_websocket_types[j]);
                ngx_http_wallarm_websocket_series(out,
                                            "wallarm_websocket_ignored_total",
                                            l, (char *) labels);
                ngx_http_wallarm_websocket_put(out, "%uA\n",
                                               l->block->other[j]);
            }
        }
    }

    ngx_http_wallarm_websocket_put_metric(out,
                    "wallarm_websocket_protocol_errors_total", "counter",
                    "Violations, each once per connection and direction.");

    for (i = 0; i < n; i++) {
        l = &st->labels[i];

        for (j = 0; j < NGX_HTTP_WALLARM_WEBSOCKET_TOKENS; j++) {
            for (k = 0; k < 3; k++) {
                value = l->block->violations[j][k];

                if (value) {
                    ngx_sprintf(labels, "reason=\"%s\",action=\"%s\"%Z",
                                st->tokens[j],
                                ngx_http_wallarm_websocket_actions[k]);
                    ngx_http_wallarm_websocket_series(out,
                                    "wallarm_websocket_protocol_errors_total",
                                    l, (char *) labels);
                    ngx_http_wallarm_websocket_put(out, "%uA\n", value);
                }
            }
        }
    }

    ngx_http_wallarm_websocket_refused(out, st, 0,
                    "wallarm_websocket_handshakes_refused_total",
                    "Handshakes that were refused, by violation or attack.");

    ngx_http_wallarm_websocket_refused(out, st, 1,
                    "wallarm_websocket_polling_requests_refused_total",
                    "Polling requests that were refused, likewise.");

    ngx_http_wallarm_websocket_put_metric(out,
                    "wallarm_websocket_inspection_duration_seconds",
                    "histogram",
                    "Time to judge a message, or the head or body of a request:"
                    " on the event loop, or from handing over to a thread.");

    for (i = 0; i < n; i++) {
        l = &st->labels[i];

        ngx_http_wallarm_websocket_histogram(out, l, "loop",
                                 NGX_HTTP_WALLARM_WEBSOCKET_COUNT_LOOP,
                                 NGX_HTTP_WALLARM_WEBSOCKET_COUNT_LOOP_TIME);
        ngx_http_wallarm_websocket_histogram(out, l, "thread",
                                 NGX_HTTP_WALLARM_WEBSOCKET_COUNT_THREAD,
                                 NGX_HTTP_WALLARM_WEBSOCKET_COUNT_THREAD_TIME);
    }

#define GAUGE(name, what, help)                                               \
    ngx_http_wallarm_websocket_gauge(out, name, help,                         \
        ngx_http_wallarm_websocket_sum_gauge(st,                              \
                                  NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_##what))

    GAUGE("wallarm_websocket_connections_active", CONNECTIONS,
          "WebSocket connections that are open.");
    GAUGE("wallarm_websocket_held_bytes", HELD,
          "Bytes that are kept of messages without a verdict.");
    GAUGE("wallarm_websocket_held_bytes_limit", MEMORY,
          "wallarm_websocket_worker_memory of all workers.");
    GAUGE("wallarm_websocket_offloop_messages", JOBS,
          "Messages that wait for a thread or are judged by one.");
    GAUGE("wallarm_websocket_threads", THREADS,
          "Threads that judge messages off the event loop.");

#undef GAUGE

    ngx_http_wallarm_websocket_put_metric(out, "wallarm_websocket_workers", "gauge",
                    "Workers with an engine, and those that lack it.");
    ngx_http_wallarm_websocket_put(out,
                    "wallarm_websocket_workers{engine=\"loaded\"} %ui\n"
                    "wallarm_websocket_workers{engine=\"missing\"} %ui\n",
                    ngx_http_wallarm_websocket_engines(st, 1),
                    ngx_http_wallarm_websocket_engines(st, 0));

    ngx_http_wallarm_websocket_gauge(out, "wallarm_websocket_rules_generation",
                    "Generation of the rules, the lowest of all workers.",
                    ngx_http_wallarm_websocket_generation(st));

    ngx_http_wallarm_websocket_put_metric(out, "wallarm_ruleset_info", "gauge",
                    "Rules of the worker that answers, by where they are from.");

    if (ngx_http_wallarm_websocket_bridge_ready()) {
        ngx_http_wallarm_websocket_put(out,
                    "wallarm_ruleset_info{name=\"wallarm_websocket\","
                    "version=\"%s\"} 1\n"
                    "wallarm_ruleset_info{name=\"OWASP_CRS\","
                    "version=\"%s\"} 1\n",
                    ngx_http_wallarm_websocket_bridge_version(),
                    ngx_http_wallarm_websocket_bridge_crs());
    }

    ngx_http_wallarm_websocket_gauge(out, "wallarm_config_generation",
                    "Configurations that were loaded since counters count.",
                    st->configurations);

    ngx_http_wallarm_websocket_gauge(out, "wallarm_start_time_seconds",
                    "Unix time from which on counters count.", st->start);

    ngx_http_wallarm_websocket_put_metric(out, "wallarm_build_info", "gauge",
                    "Versions, of the worker that answers.");
    ngx_http_wallarm_websocket_put(out,
                    "wallarm_build_info{version=\"%s\",nginx_version=\"%s\","
                    "go_version=\"%s\"} 1\n",
                    ngx_http_wallarm_websocket_bridge_version(), NGINX_VERSION,
                    ngx_http_wallarm_websocket_bridge_go());
}
