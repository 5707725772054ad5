
/*
 * What is limited by key, in shared memory: bans of those whose connections
 * were dropped, numbers of connections, and rates of messages.  A key that has
 * not been used for the longest time makes room for a new one, as limit_req's;
 * those that connections are counted by stay.
 */


#include "ngx_http_wallarm_websocket.h"


#define NGX_HTTP_WALLARM_WEBSOCKET_BAN_ZONE          0
#define NGX_HTTP_WALLARM_WEBSOCKET_CONNECTIONS_ZONE  1
#define NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE         2
#define NGX_HTTP_WALLARM_WEBSOCKET_ZONES             3

/* a message or byte, so that parts of it come back in a millisecond */
#define NGX_HTTP_WALLARM_WEBSOCKET_UNIT              1000000
#define NGX_HTTP_WALLARM_WEBSOCKET_MAX_RATE          1000000000

#define NGX_HTTP_WALLARM_WEBSOCKET_MAX_DROPS         1000
/* ten years, in milliseconds: sums with times do not overflow */
#define NGX_HTTP_WALLARM_WEBSOCKET_MAX_TIME                                   \
    ((ngx_int_t) 3650 * 24 * 60 * 60 * 1000)
#define NGX_HTTP_WALLARM_WEBSOCKET_MAX_KEY           65535

/* of what is over a rate */
#define NGX_HTTP_WALLARM_WEBSOCKET_RATE_DROP         0
#define NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY        1
#define NGX_HTTP_WALLARM_WEBSOCKET_RATE_MESSAGE      2


typedef struct {
    ngx_str_node_t                sn;
    ngx_queue_t                   queue;

    ngx_msec_t                    last;      /* use */
    ngx_msec_t                    until;     /* of a ban, 0: none */
    uint64_t                      excess;    /* in parts of a unit */
    ngx_uint_t                    count;     /* of connections, or of times */

    ngx_uint_t                    pos;       /* of the oldest, in times */
    ngx_uint_t                    size;
    ngx_msec_t                    times[1];  /* of drops */
    /* the key follows */
} ngx_http_wallarm_websocket_node_t;


typedef struct {
    ngx_rbtree_t                  rbtree;
    ngx_rbtree_node_t             sentinel;
    ngx_queue_t                   queue;     /* the last used first */
    ngx_queue_t                   counted;   /* connections */
    ngx_msec_t                    reaped;    /* those of dead workers */
} ngx_http_wallarm_websocket_keys_t;


/* one of "count", so that what a killed worker counted can be taken back */

typedef struct {
    ngx_queue_t                   queue;
    ngx_http_wallarm_websocket_node_t  *node;
    ngx_pid_t                     pid;
} ngx_http_wallarm_websocket_counted_t;


typedef struct {
    ngx_http_wallarm_websocket_keys_t  *sh;
    ngx_slab_pool_t              *shpool;
    ngx_uint_t                    kind;
    ngx_http_complex_value_t      key;

    /* of a ban */
    ngx_uint_t                    drops;
    ngx_msec_t                    in;
    ngx_msec_t                    time;

    /* of a rate */
    uint64_t                      rate;      /* units in "period" */
    ngx_msec_t                    period;
    ngx_uint_t                    bytes;     /* else messages */
} ngx_http_wallarm_websocket_zone_t;


/* of a connection, for its end */

typedef struct {
    ngx_uint_t                    n;

    struct {
        ngx_http_wallarm_websocket_zone_t     *zone;
        ngx_http_wallarm_websocket_counted_t  *counted;
    } in[1];
} ngx_http_wallarm_websocket_admission_t;


/* of a connection whose messages are limited */

typedef struct {
    ngx_http_wallarm_websocket_rule_t  *rule;
    ngx_uint_t                    number;    /* of the rule */
    uint32_t                      hash;
    ngx_str_t                     key;
    ngx_uint_t                    said;      /* that it is delayed */
    ngx_uint_t                    lost;      /* its key found no room */
} ngx_http_wallarm_websocket_limited_t;


struct ngx_http_wallarm_websocket_pace_s {
    ngx_event_t                   event;
    ngx_msec_t                    until;
    size_t                        release;   /* bytes that wait for it */
    ngx_uint_t                    all;       /* not the last message only */
    ngx_uint_t                    n;
    ngx_http_wallarm_websocket_limited_t  limited[1];
};


static ngx_int_t ngx_http_wallarm_websocket_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_wallarm_websocket_zone_key(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_zone_t *zone, ngx_str_t *key, uint32_t *hash);
static ngx_http_wallarm_websocket_node_t *ngx_http_wallarm_websocket_zone_node(
    ngx_http_wallarm_websocket_zone_t *zone, ngx_str_t *key, uint32_t hash,
    ngx_uint_t size);
static void ngx_http_wallarm_websocket_zone_expire(
    ngx_http_wallarm_websocket_zone_t *zone, ngx_uint_t n);
static void ngx_http_wallarm_websocket_zone_delete(
    ngx_http_wallarm_websocket_zone_t *zone,
    ngx_http_wallarm_websocket_node_t *node);
static ngx_uint_t ngx_http_wallarm_websocket_ban_over(
    ngx_http_wallarm_websocket_node_t *node);
static ngx_int_t ngx_http_wallarm_websocket_ban_drop(
    ngx_http_wallarm_websocket_zone_t *zone, ngx_str_t *key, uint32_t hash);
static ngx_http_wallarm_websocket_counted_t *
    ngx_http_wallarm_websocket_count(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_str_t *key, uint32_t hash, ngx_uint_t limit, ngx_uint_t *over);
static void ngx_http_wallarm_websocket_uncount(
    ngx_http_wallarm_websocket_zone_t *zone,
    ngx_http_wallarm_websocket_counted_t *counted);
static void ngx_http_wallarm_websocket_reap(
    ngx_http_wallarm_websocket_zone_t *zone);
static void ngx_http_wallarm_websocket_connections_cleanup(void *data);
static int64_t ngx_http_wallarm_websocket_expires(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);
static void ngx_http_wallarm_websocket_age_handler(ngx_event_t *ev);
static ngx_str_t *ngx_http_wallarm_websocket_rate_token(
    ngx_http_wallarm_websocket_rule_t *rule);
static ngx_uint_t ngx_http_wallarm_websocket_over_rate(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction,
    ngx_http_wallarm_websocket_rule_t *rule,
    ngx_http_wallarm_websocket_result_t *res);
static ngx_msec_t ngx_http_wallarm_websocket_charge(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_limited_t *limited, uint64_t n,
    ngx_uint_t *over);
static uint64_t ngx_http_wallarm_websocket_excess(
    ngx_http_wallarm_websocket_zone_t *zone,
    ngx_http_wallarm_websocket_node_t *node);
static void ngx_http_wallarm_websocket_pace_handler(ngx_event_t *ev);


/* for the "post" of a command */
ngx_uint_t  ngx_http_wallarm_websocket_ban_kind =
                NGX_HTTP_WALLARM_WEBSOCKET_BAN_ZONE;
ngx_uint_t  ngx_http_wallarm_websocket_connections_kind =
                NGX_HTTP_WALLARM_WEBSOCKET_CONNECTIONS_ZONE;
ngx_uint_t  ngx_http_wallarm_websocket_rate_kind =
                NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE;


/* a zone of one kind cannot be used as another */
static u_char     ngx_http_wallarm_websocket_tags
                      [NGX_HTTP_WALLARM_WEBSOCKET_ZONES];

/* its words are kept, too: the engine knows events */
static ngx_command_t  rate_statement = {
    ngx_string("wallarm_websocket_rate"), 0, NULL, 0, 0,
    &ngx_http_wallarm_websocket_list
};

static ngx_str_t  ngx_http_wallarm_websocket_banned =
                      ngx_string("handshake_banned");
static ngx_str_t  ngx_http_wallarm_websocket_too_fast =
                      ngx_string("message_rate");
static ngx_str_t  ngx_http_wallarm_websocket_event_rate =
                      ngx_string("event_rate");
static ngx_str_t  ngx_http_wallarm_websocket_too_old =
                      ngx_string("connection_too_old");


/* "key zone=name:size", and what each kind has of its own */

char *
ngx_http_wallarm_websocket_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                             *p;
    ssize_t                             size;
    ngx_int_t                           n;
    ngx_str_t                          *value, s, name;
    ngx_uint_t                          i, kind;
    ngx_shm_zone_t                     *shm_zone;
    ngx_http_wallarm_websocket_zone_t  *zone;
    ngx_http_compile_complex_value_t    ccv;

    value = cf->args->elts;
    kind = *(ngx_uint_t *) cmd->post;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_wallarm_websocket_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->kind = kind;
    zone->drops = 3;
    zone->in = 60000;
    zone->time = 600000;
    zone->period = 1000;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = &zone->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_wallarm_websocket_once(cf, 2) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    size = 0;
    ngx_str_null(&name);

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            name.data = value[i].data + 5;

            p = (u_char *) ngx_strchr(name.data, ':');

            if (p == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid zone size \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            name.len = p - name.data;

            s.data = p + 1;
            s.len = value[i].data + value[i].len - s.data;

            size = ngx_parse_size(&s);

            if (size == NGX_ERROR || name.len == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid zone size \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }

            if (size < (ssize_t) (8 * ngx_pagesize)) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "zone \"%V\" is too small", &value[i]);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (kind == NGX_HTTP_WALLARM_WEBSOCKET_BAN_ZONE
            && ngx_strncmp(value[i].data, "drops=", 6) == 0)
        {
            n = ngx_atoi(value[i].data + 6, value[i].len - 6);

            if (n < 1 || n > NGX_HTTP_WALLARM_WEBSOCKET_MAX_DROPS) {
                goto invalid;
            }

            zone->drops = n;
            continue;
        }

        if (kind == NGX_HTTP_WALLARM_WEBSOCKET_BAN_ZONE
            && (ngx_strncmp(value[i].data, "in=", 3) == 0
                || ngx_strncmp(value[i].data, "for=", 4) == 0))
        {
            p = (u_char *) ngx_strchr(value[i].data, '=') + 1;

            s.data = p;
            s.len = value[i].data + value[i].len - p;

            n = ngx_parse_time(&s, 0);

            if (n < 1 || n > NGX_HTTP_WALLARM_WEBSOCKET_MAX_TIME) {
                goto invalid;
            }

            if (value[i].data[0] == 'i') {
                zone->in = n;

            } else {
                zone->time = n;
            }

            continue;
        }

        if (kind == NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE
            && ngx_strncmp(value[i].data, "rate=", 5) == 0)
        {
            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            if (s.len > 2 && ngx_strncmp(s.data + s.len - 2, "/m", 2) == 0) {
                zone->period = 60000;

            } else if (s.len <= 2
                       || ngx_strncmp(s.data + s.len - 2, "/s", 2) != 0)
            {
                goto invalid_rate;
            }

            s.len -= 2;

            /* "10r/s", as limit_req */

            if (s.len > 1 && s.data[s.len - 1] == 'r') {
                s.len--;
            }

            n = (ngx_int_t) ngx_parse_size(&s);

            if (n < 1 || n > NGX_HTTP_WALLARM_WEBSOCKET_MAX_RATE) {
                goto invalid_rate;
            }

            zone->rate = n;
            continue;
        }

        if (kind == NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE
            && ngx_strcmp(value[i].data, "of=messages") == 0)
        {
            continue;
        }

        if (kind == NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE
            && ngx_strcmp(value[i].data, "of=bytes") == 0)
        {
            zone->bytes = 1;
            continue;
        }

        goto invalid;
    }

    if (kind == NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE && zone->rate == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"rate\" parameter",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone\" parameter",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_wallarm_websocket_tags[kind]);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data) {
        zone = shm_zone->data;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V \"%V\" is already bound to key \"%V\"",
                           &cmd->name, &name, &zone->key.value);
        return NGX_CONF_ERROR;
    }

    shm_zone->init = ngx_http_wallarm_websocket_zone_init;
    shm_zone->data = zone;

    return NGX_CONF_OK;

invalid_rate:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid rate \"%V\", it must be "
                       "as \"10r/s\", \"64k/s\" or \"5r/m\"", &value[i]);

    return NGX_CONF_ERROR;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


/* a zone is kept over a reload as long as its key is the same */

static ngx_int_t
ngx_http_wallarm_websocket_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_wallarm_websocket_zone_t  *ozone = data;

    size_t                              len;
    ngx_http_wallarm_websocket_zone_t  *zone;

    zone = shm_zone->data;

    if (ozone) {

        if (zone->key.value.len != ozone->key.value.len
            || ngx_strncmp(zone->key.value.data, ozone->key.value.data,
                           zone->key.value.len)
               != 0)
        {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "wallarm: zone \"%V\" uses the \"%V\" key while "
                          "previously it used the \"%V\" key",
                          &shm_zone->shm.name, &zone->key.value,
                          &ozone->key.value);
            return NGX_ERROR;
        }

        zone->sh = ozone->sh;
        zone->shpool = ozone->shpool;

        return NGX_OK;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;
        return NGX_OK;
    }

    zone->sh = ngx_slab_alloc(zone->shpool,
                              sizeof(ngx_http_wallarm_websocket_keys_t));
    if (zone->sh == NULL) {
        return NGX_ERROR;
    }

    zone->shpool->data = zone->sh;

    ngx_rbtree_init(&zone->sh->rbtree, &zone->sh->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&zone->sh->queue);
    ngx_queue_init(&zone->sh->counted);
    zone->sh->reaped = ngx_current_msec;

    len = sizeof(" in wallarm zone \"\"") + shm_zone->shm.name.len;

    zone->shpool->log_ctx = ngx_slab_alloc(zone->shpool, len);
    if (zone->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(zone->shpool->log_ctx, " in wallarm zone \"%V\"%Z",
                &shm_zone->shm.name);

    /* the oldest makes room */
    zone->shpool->log_nomem = 0;

    return NGX_OK;
}


/* NGX_DECLINED: nothing is counted by it */

static ngx_int_t
ngx_http_wallarm_websocket_zone_key(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_zone_t *zone, ngx_str_t *key, uint32_t *hash)
{
    if (ngx_http_complex_value(r, &zone->key, key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key->len == 0) {
        return NGX_DECLINED;
    }

    if (key->len > NGX_HTTP_WALLARM_WEBSOCKET_MAX_KEY) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "wallarm: the value of the \"%V\" key is more than "
                      "65535 bytes: \"%V\"", &zone->key.value, key);
        return NGX_DECLINED;
    }

    *hash = ngx_crc32_short(key->data, key->len);

    return NGX_OK;
}


/* that of the key, or a new one, or NULL; the mutex is held */

static ngx_http_wallarm_websocket_node_t *
ngx_http_wallarm_websocket_zone_node(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_str_t *key, uint32_t hash, ngx_uint_t size)
{
    size_t                              n, offset;
    ngx_http_wallarm_websocket_node_t  *node;

    node = (ngx_http_wallarm_websocket_node_t *)
               ngx_str_rbtree_lookup(&zone->sh->rbtree, key, hash);

    if (node && node->size != size) {

        /* the configuration has changed */

        if (!ngx_http_wallarm_websocket_ban_over(node)) {
            return node;
        }

        ngx_http_wallarm_websocket_zone_delete(zone, node);
        node = NULL;
    }

    if (node) {
        ngx_queue_remove(&node->queue);
        ngx_queue_insert_head(&zone->sh->queue, &node->queue);

        if (zone->kind != NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE) {
            node->last = ngx_current_msec;
        }

        return node;
    }

    if (zone->kind != NGX_HTTP_WALLARM_WEBSOCKET_CONNECTIONS_ZONE) {
        ngx_http_wallarm_websocket_zone_expire(zone, 1);
    }

    offset = offsetof(ngx_http_wallarm_websocket_node_t, times)
             + size * sizeof(ngx_msec_t);
    n = offset + key->len;

    /* one that never has room is not to cost the others theirs */

    if (n > (size_t) (zone->shpool->end - zone->shpool->start)) {
        return NULL;
    }

    /* a long key needs pages of its own, for which many short ones may go */

    for ( ;; ) {
        node = ngx_slab_alloc_locked(zone->shpool, n);

        if (node) {
            break;
        }

        if (zone->kind == NGX_HTTP_WALLARM_WEBSOCKET_CONNECTIONS_ZONE
            || ngx_queue_empty(&zone->sh->queue))
        {
            return NULL;
        }

        ngx_http_wallarm_websocket_zone_expire(zone, 0);
    }

    ngx_memzero(node, offset);

    node->sn.node.key = hash;
    node->sn.str.data = (u_char *) node + offset;
    node->sn.str.len = key->len;
    ngx_memcpy(node->sn.str.data, key->data, key->len);

    node->size = size;
    node->last = ngx_current_msec;

    ngx_rbtree_insert(&zone->sh->rbtree, &node->sn.node);
    ngx_queue_insert_head(&zone->sh->queue, &node->queue);

    return node;
}


/*
 * n == 1 deletes one or two that are of no more use,
 * n == 0 deletes the oldest by force, and two such.
 */

static void
ngx_http_wallarm_websocket_zone_expire(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_uint_t n)
{
    ngx_queue_t                        *q;
    ngx_http_wallarm_websocket_node_t  *node;

    while (n < 3) {

        if (ngx_queue_empty(&zone->sh->queue)) {
            return;
        }

        q = ngx_queue_last(&zone->sh->queue);
        node = ngx_queue_data(q, ngx_http_wallarm_websocket_node_t, queue);

        if (n++ != 0
            && (!ngx_http_wallarm_websocket_ban_over(node)
                || (ngx_msec_int_t) (ngx_current_msec - node->last)
                   <= (ngx_msec_int_t) zone->in
                || ngx_http_wallarm_websocket_excess(zone, node) != 0))
        {
            return;
        }

        ngx_http_wallarm_websocket_zone_delete(zone, node);
    }
}


static void
ngx_http_wallarm_websocket_zone_delete(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_http_wallarm_websocket_node_t *node)
{
    ngx_queue_remove(&node->queue);
    ngx_rbtree_delete(&zone->sh->rbtree, &node->sn.node);
    ngx_slab_free_locked(zone->shpool, node);
}


/*
 * "zone=name" with what "post" says is asked of it: nothing of a ban, a number
 * of connections.
 */

char *
ngx_http_wallarm_websocket_use_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_int_t                           n;
    ngx_str_t                          *value, name, s;
    ngx_str_t                           event;
    ngx_uint_t                          i, kind, action, actions, dry_run;
    ngx_array_t                       **rules;
    ngx_shm_zone_t                     *shm_zone;
    ngx_http_wallarm_websocket_rule_t  *rule;

    value = cf->args->elts;
    kind = *(ngx_uint_t *) cmd->post;
    rules = (ngx_array_t **) ((u_char *) conf + cmd->offset);

    if (kind == NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE
        && ngx_http_wallarm_websocket_statement(cf, &rate_statement, conf)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (*rules != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        *rules = NULL;
        return NGX_CONF_OK;
    }

    if (*rules == NULL) {
        return "is duplicate";
    }

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0 || value[1].len == 5) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 5;
    name.len = value[1].len - 5;

    n = 0;

    if (kind == NGX_HTTP_WALLARM_WEBSOCKET_CONNECTIONS_ZONE) {

        if (cf->args->nelts == 2) {
            return "must have a number of connections";
        }

        n = ngx_atoi(value[2].data, value[2].len);

        if (n <= 0 || n > 65535) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of connections \"%V\"",
                               &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    action = NGX_HTTP_WALLARM_WEBSOCKET_RATE_DROP;
    actions = 0;
    ngx_str_null(&event);
    dry_run = 0;

    if (ngx_http_wallarm_websocket_once(cf, 1) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (kind == NGX_HTTP_WALLARM_WEBSOCKET_RATE_ZONE) {

        for (i = 2; i < cf->args->nelts; i++) {

            if (ngx_strncmp(value[i].data, "burst=", 6) == 0) {
                s.data = value[i].data + 6;
                s.len = value[i].len - 6;

                n = (ngx_int_t) ngx_parse_size(&s);

                if (n >= 0 && n <= NGX_HTTP_WALLARM_WEBSOCKET_MAX_RATE) {
                    continue;
                }

            } else if (ngx_strncmp(value[i].data, "event=", 6) == 0) {
                event.data = value[i].data + 6;
                event.len = value[i].len - 6;
                continue;

            } else if (ngx_strcmp(value[i].data, "delay") == 0) {
                action = NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY;
                actions++;
                continue;

            } else if (ngx_strcmp(value[i].data, "drop") == 0) {
                action = NGX_HTTP_WALLARM_WEBSOCKET_RATE_DROP;
                actions++;
                continue;

            } else if (ngx_strcmp(value[i].data, "drop_message") == 0) {
                action = NGX_HTTP_WALLARM_WEBSOCKET_RATE_MESSAGE;
                actions++;
                continue;

            } else if (ngx_strcmp(value[i].data, "dry_run") == 0) {
                dry_run = 1;
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (actions > 1) {
        return "takes one of \"drop\", \"delay\" and \"drop_message\"";
    }

    shm_zone = ngx_shared_memory_add(cf, &name, 0,
                                     &ngx_http_wallarm_websocket_tags[kind]);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (*rules == NGX_CONF_UNSET_PTR) {
        *rules = ngx_array_create(cf->pool, 1,
                                  sizeof(ngx_http_wallarm_websocket_rule_t));
        if (*rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    rule = (*rules)->elts;

    for (i = 0; i < (*rules)->nelts; i++) {
        if (rule[i].zone == shm_zone) {
            return "is duplicate";
        }
    }

    rule = ngx_array_push(*rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    rule->zone = shm_zone;
    rule->number = n;
    rule->action = action;
    rule->event = event;
    rule->counted = (event.data != NULL
                     || action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_MESSAGE);
    rule->dry_run = dry_run;

    return NGX_CONF_OK;
}


/* bans */

static ngx_uint_t
ngx_http_wallarm_websocket_ban_over(ngx_http_wallarm_websocket_node_t *node)
{
    return node->until == 0
           || (ngx_msec_int_t) (node->until - ngx_current_msec) <= 0;
}


/* NGX_DECLINED, or the status to refuse a handshake or polling request with;
   there is no event, one was written when the ban began */

ngx_int_t
ngx_http_wallarm_websocket_ban(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    uint32_t                            hash;
    ngx_str_t                           key;
    ngx_uint_t                          i, banned;
    ngx_http_wallarm_websocket_node_t  *node;
    ngx_http_wallarm_websocket_rule_t  *rule;
    ngx_http_wallarm_websocket_zone_t  *zone;

    if (wlcf->bans == NULL
        || wlcf->mode != NGX_HTTP_WALLARM_WEBSOCKET_BLOCK
        || r->error_page)
    {
        return NGX_DECLINED;
    }

    rule = wlcf->bans->elts;

    for (i = 0; i < wlcf->bans->nelts; i++) {

        zone = rule[i].zone->data;

        switch (ngx_http_wallarm_websocket_zone_key(r, zone, &key, &hash)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            continue;

        default: /* NGX_ERROR */
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_shmtx_lock(&zone->shpool->mutex);

        node = (ngx_http_wallarm_websocket_node_t *)
                   ngx_str_rbtree_lookup(&zone->sh->rbtree, &key, hash);

        banned = node && !ngx_http_wallarm_websocket_ban_over(node);

        ngx_shmtx_unlock(&zone->shpool->mutex);

        if (!banned) {
            continue;
        }

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "wallarm: banned in zone \"%V\"",
                      &rule[i].zone->shm.name);

        ngx_http_wallarm_websocket_status_refused(wlcf,
                                             r->headers_in.upgrade == NULL,
                                             "handshake_banned");

        return NGX_HTTP_FORBIDDEN;
    }

    return NGX_DECLINED;
}


/* what came from the client was blocked */

void
ngx_http_wallarm_websocket_offence(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    uint32_t                              hash;
    ngx_str_t                             key;
    ngx_uint_t                            i;
    ngx_http_request_t                   *r;
    ngx_http_wallarm_websocket_node_t    *node;
    ngx_http_wallarm_websocket_rule_t    *rule;
    ngx_http_wallarm_websocket_zone_t    *zone;
    ngx_http_wallarm_websocket_raise_t    raise;

    if (ctx->conf->bans == NULL) {
        return;
    }

    ngx_memzero(&raise, sizeof(ngx_http_wallarm_websocket_raise_t));
    raise.token = &ngx_http_wallarm_websocket_banned;

    r = ctx->request;
    rule = ctx->conf->bans->elts;

    for (i = 0; i < ctx->conf->bans->nelts; i++) {

        zone = rule[i].zone->data;

        if (ngx_http_wallarm_websocket_zone_key(r, zone, &key, &hash)
            != NGX_OK)
        {
            continue;
        }

        switch (ngx_http_wallarm_websocket_ban_drop(zone, &key, hash)) {

        case NGX_DECLINED:
            continue;

        case NGX_ERROR:
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "wallarm: no memory for a key in zone \"%V\"",
                          &rule[i].zone->shm.name);
            continue;

        default: /* NGX_OK: a ban begins */
            break;
        }

        if (ngx_http_wallarm_websocket_bridge_raise(ctx->session,
                                          NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                                          &raise))
        {
            if (!ctx->http && !ctx->dropping) {
                ngx_http_wallarm_websocket_drop(ctx,
                                     NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_POLICY);
            }

        } else {

            ngx_shmtx_lock(&zone->shpool->mutex);

            node = (ngx_http_wallarm_websocket_node_t *)
                       ngx_str_rbtree_lookup(&zone->sh->rbtree, &key, hash);

            if (node) {
                node->until = 0;
            }

            ngx_shmtx_unlock(&zone->shpool->mutex);
        }

        ngx_http_wallarm_websocket_events(ctx);
    }

    ctx->offence = 0;
}


/* NGX_OK: with this drop a ban begins */

static ngx_int_t
ngx_http_wallarm_websocket_ban_drop(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_str_t *key, uint32_t hash)
{
    ngx_int_t                           rc;
    ngx_http_wallarm_websocket_node_t  *node;

    ngx_shmtx_lock(&zone->shpool->mutex);

    node = ngx_http_wallarm_websocket_zone_node(zone, key, hash, zone->drops);

    if (node == NULL) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;

    if (ngx_http_wallarm_websocket_ban_over(node)) {

        node->times[node->pos] = ngx_current_msec;
        node->pos = (node->pos + 1) % node->size;

        if (node->count < node->size) {
            node->count++;
        }

        if (node->count == node->size
            && (ngx_msec_int_t) (ngx_current_msec - node->times[node->pos])
               <= (ngx_msec_int_t) zone->in)
        {
            node->count = 0;
            node->until = ngx_current_msec + zone->time;
            rc = NGX_OK;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/* connections */

/* counts a handshake until its request ends.  NGX_DECLINED, or the status to
   refuse it with */

ngx_int_t
ngx_http_wallarm_websocket_connections(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    uint32_t                                 hash;
    ngx_int_t                                rc;
    ngx_str_t                                key;
    ngx_uint_t                               i, n, over;
    ngx_pool_cleanup_t                      *cln;
    ngx_http_wallarm_websocket_rule_t       *rule;
    ngx_http_wallarm_websocket_zone_t       *zone;
    ngx_http_wallarm_websocket_counted_t    *counted;
    ngx_http_wallarm_websocket_admission_t  *admission;

    if (wlcf->connections == NULL) {
        return NGX_DECLINED;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_wallarm_websocket_connections_cleanup) {
            /* before an internal redirect */
            return NGX_DECLINED;
        }
    }

    n = wlcf->connections->nelts;

    cln = ngx_pool_cleanup_add(r->pool,
                      (n + 1)
                      * sizeof(ngx_http_wallarm_websocket_admission_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_wallarm_websocket_connections_cleanup;

    admission = cln->data;
    admission->n = 0;

    over = 0;
    rule = wlcf->connections->elts;

    for (i = 0; i < n; i++) {

        zone = rule[i].zone->data;

        switch (ngx_http_wallarm_websocket_zone_key(r, zone, &key, &hash)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            continue;

        default: /* NGX_ERROR */
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_shmtx_lock(&zone->shpool->mutex);

        counted = ngx_http_wallarm_websocket_count(zone, &key, hash,
                                                   rule[i].number, &over);

        ngx_shmtx_unlock(&zone->shpool->mutex);

        if (counted == NULL) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "wallarm: no memory for a key in zone \"%V\", "
                          "websocket connection %s", &rule[i].zone->shm.name,
                          wlcf->fail_open ? "is not counted" : "refused");

            if (wlcf->fail_open) {
                continue;
            }

            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        admission->in[admission->n].zone = zone;
        admission->in[admission->n].counted = counted;
        admission->n++;
    }

    if (!over) {
        return NGX_DECLINED;
    }

    rc = ngx_http_wallarm_websocket_violate(r, wlcf,
                                     ngx_http_wallarm_websocket_hs_connections);

    if (rc != NGX_DECLINED) {
        /* not while an error page is sent */
        ngx_http_wallarm_websocket_connections_cleanup(admission);
    }

    return rc;
}


/* one more of a key, or NULL; the mutex is held */

static ngx_http_wallarm_websocket_counted_t *
ngx_http_wallarm_websocket_count(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_str_t *key, uint32_t hash, ngx_uint_t limit, ngx_uint_t *over)
{
    ngx_http_wallarm_websocket_node_t     *node;
    ngx_http_wallarm_websocket_counted_t  *counted;

    counted = ngx_slab_alloc_locked(zone->shpool,
                                 sizeof(ngx_http_wallarm_websocket_counted_t));

    node = counted ? ngx_http_wallarm_websocket_zone_node(zone, key, hash, 0)
                   : NULL;

    if (node == NULL || node->count >= limit) {

        ngx_http_wallarm_websocket_reap(zone);

        if (counted == NULL) {
            counted = ngx_slab_alloc_locked(zone->shpool,
                                 sizeof(ngx_http_wallarm_websocket_counted_t));
            if (counted == NULL) {
                return NULL;
            }
        }

        node = ngx_http_wallarm_websocket_zone_node(zone, key, hash, 0);
        if (node == NULL) {
            ngx_slab_free_locked(zone->shpool, counted);
            return NULL;
        }
    }

    counted->node = node;
    counted->pid = ngx_pid;
    ngx_queue_insert_tail(&zone->sh->counted, &counted->queue);

    if (++node->count > limit) {
        *over = 1;
    }

    return counted;
}


static void
ngx_http_wallarm_websocket_uncount(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_http_wallarm_websocket_counted_t *counted)
{
    ngx_http_wallarm_websocket_node_t  *node;

    node = counted->node;

    ngx_queue_remove(&counted->queue);
    ngx_slab_free_locked(zone->shpool, counted);

    if (--node->count == 0) {
        ngx_http_wallarm_websocket_zone_delete(zone, node);
    }
}


/* a killed worker has not taken back what it counted; looked for when a limit is
   reached, at most once a second */

static void
ngx_http_wallarm_websocket_reap(ngx_http_wallarm_websocket_zone_t *zone)
{
    ngx_queue_t                           *q, *next;
    ngx_http_wallarm_websocket_counted_t  *counted;

    if ((ngx_msec_int_t) (ngx_current_msec - zone->sh->reaped) < 1000) {
        return;
    }

    zone->sh->reaped = ngx_current_msec;

    for (q = ngx_queue_head(&zone->sh->counted);
         q != ngx_queue_sentinel(&zone->sh->counted);
         q = next)
    {
        next = ngx_queue_next(q);
        counted = ngx_queue_data(q, ngx_http_wallarm_websocket_counted_t,
                                 queue);

        if (counted->pid != ngx_pid
            && kill(counted->pid, 0) == -1 && ngx_errno == ESRCH)
        {
            ngx_http_wallarm_websocket_uncount(zone, counted);
        }
    }
}


static void
ngx_http_wallarm_websocket_connections_cleanup(void *data)
{
    ngx_http_wallarm_websocket_admission_t  *admission = data;

    ngx_uint_t                          i;
    ngx_http_wallarm_websocket_zone_t  *zone;

    for (i = 0; i < admission->n; i++) {

        zone = admission->in[i].zone;

        ngx_shmtx_lock(&zone->shpool->mutex);

        ngx_http_wallarm_websocket_uncount(zone, admission->in[i].counted);

        ngx_shmtx_unlock(&zone->shpool->mutex);
    }

    admission->n = 0;
}


/* age */

char *
ngx_http_wallarm_websocket_max_age(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    ngx_str_t                         *value, s;
    ngx_uint_t                         i, some;
    ngx_http_compile_complex_value_t   ccv;

    if (wlcf->max_age != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    if (ngx_http_wallarm_websocket_once(cf, 1) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    some = 0;
    wlcf->max_age = 0;
    wlcf->age_code = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_GOING_AWAY;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "jwt=", 4) == 0) {

            s.data = value[i].data + 4;
            s.len = value[i].len - 4;

            wlcf->age_jwt = ngx_palloc(cf->pool,
                                       sizeof(ngx_http_complex_value_t));
            if (wlcf->age_jwt == NULL) {
                return NGX_CONF_ERROR;
            }

            ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

            ccv.cf = cf;
            ccv.value = &s;
            ccv.complex_value = wlcf->age_jwt;

            if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            if (wlcf->age_jwt->lengths == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%V\" has no variable in it", &value[i]);
                return NGX_CONF_ERROR;
            }

            some = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "code=1001") == 0) {
            continue;
        }

        if (ngx_strcmp(value[i].data, "code=1013") == 0) {
            wlcf->age_code = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_TRY_LATER;
            continue;
        }

        if (i > 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        wlcf->max_age = ngx_parse_time(&value[i], 0);

        if (wlcf->max_age > NGX_HTTP_WALLARM_WEBSOCKET_MAX_TIME) {
            return "invalid value";
        }

        some = 1;
    }

    return some ? NGX_CONF_OK : "needs a time or \"jwt=\"";
}


void
ngx_http_wallarm_websocket_merge_age(
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf)
{
    if (conf->max_age == NGX_CONF_UNSET_MSEC) {
        conf->age_code = prev->age_code;
        conf->age_jwt = prev->age_jwt;
    }

    ngx_conf_merge_msec_value(conf->max_age, prev->max_age, 0);
}


/* of the token, ms since the epoch; 0: never */

static int64_t
ngx_http_wallarm_websocket_expires(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_str_t  token;

    if (wlcf->age_jwt == NULL
        || ngx_http_complex_value(r, wlcf->age_jwt, &token) != NGX_OK
        || token.len == 0
        || !ngx_http_wallarm_websocket_bridge_ready())
    {
        return 0;
    }

    return ngx_http_wallarm_websocket_bridge_expires(&token);
}


static int64_t
ngx_http_wallarm_websocket_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


/* NGX_DECLINED, or the status to refuse a handshake with */

ngx_int_t
ngx_http_wallarm_websocket_expired(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    int64_t  expires;

    expires = ngx_http_wallarm_websocket_expires(r, wlcf);

    if (expires == 0 || expires > ngx_http_wallarm_websocket_now()) {
        return NGX_DECLINED;
    }

    return ngx_http_wallarm_websocket_violate(r, wlcf,
                                         ngx_http_wallarm_websocket_hs_expired);
}


ngx_int_t
ngx_http_wallarm_websocket_age(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    int64_t       left;
    ngx_msec_t    age;
    ngx_event_t  *ev;

    age = ctx->conf->max_age;

    /* one that had expired before was let pass */

    if (!(ctx->raised & (1 << ngx_http_wallarm_websocket_hs_expired))) {

        left = ngx_http_wallarm_websocket_expires(ctx->request, ctx->conf);

        if (left) {
            left -= ngx_http_wallarm_websocket_now();
            left = ngx_max(left, 1);

            if (age == 0 || left < (int64_t) age) {
                age = ngx_min(left, NGX_HTTP_WALLARM_WEBSOCKET_MAX_TIME);
            }
        }
    }

    if (age == 0) {
        return NGX_OK;
    }

    ev = ngx_pcalloc(ctx->request->pool, sizeof(ngx_event_t));
    if (ev == NULL) {
        return NGX_ERROR;
    }

    ev->handler = ngx_http_wallarm_websocket_age_handler;
    ev->data = ctx;
    ev->log = ctx->request->connection->log;
    ev->cancelable = 1;

    /* the event loop waits for no longer than an int has room for */

    ngx_add_timer(ev, ngx_min(age, NGX_MAX_INT32_VALUE));

    ctx->age = ev;
    ctx->age_end = ngx_current_msec + age;

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_age_handler(ngx_event_t *ev)
{
    ngx_msec_int_t                       left;
    ngx_http_wallarm_websocket_ctx_t    *ctx;
    ngx_http_wallarm_websocket_raise_t   raise;

    ctx = ev->data;

    if (ctx->dropping || ctx->upstream->peer.connection == NULL) {
        return;
    }

    left = (ngx_msec_int_t) (ctx->age_end - ngx_current_msec);

    if (left > 0) {
        ngx_add_timer(ev, ngx_min(left, NGX_MAX_INT32_VALUE));
        return;
    }

    ngx_memzero(&raise, sizeof(ngx_http_wallarm_websocket_raise_t));
    raise.token = &ngx_http_wallarm_websocket_too_old;
    raise.close_code = ctx->conf->age_code;

    if (ngx_http_wallarm_websocket_bridge_raise(ctx->session,
                                          NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                                          &raise))
    {
        ngx_http_wallarm_websocket_drop(ctx, ctx->conf->age_code);
    }

    ngx_http_wallarm_websocket_events(ctx);

    ctx->offence = 0;
}


/* rates */

/* bytes have no names */

char *
ngx_http_wallarm_websocket_check_rates(ngx_conf_t *cf, ngx_array_t *rates)
{
    ngx_uint_t                          i;
    ngx_http_wallarm_websocket_rule_t  *rule;
    ngx_http_wallarm_websocket_zone_t  *zone;

    if (rates == NULL) {
        return NGX_CONF_OK;
    }

    rule = rates->elts;

    for (i = 0; i < rates->nelts; i++) {

        zone = rule[i].zone->data;

        if (zone && zone->bytes && rule[i].counted) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "zone \"%V\" is one of bytes: it takes neither "
                               "\"event=\" nor \"drop_message\"",
                               &rule[i].zone->shm.name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* what is limited in this connection, by keys as they are at the handshake */

ngx_int_t
ngx_http_wallarm_websocket_pace(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_int_t                              rc;
    ngx_str_t                              key;
    ngx_uint_t                             i, n;
    ngx_http_wallarm_websocket_rule_t     *rule;
    ngx_http_wallarm_websocket_pace_t     *pace;
    ngx_http_wallarm_websocket_limited_t  *limited;

    if (ctx->conf->rates == NULL) {
        return NGX_OK;
    }

    n = ctx->conf->rates->nelts;
    rule = ctx->conf->rates->elts;

    pace = ngx_pcalloc(ctx->request->pool,
                       sizeof(ngx_http_wallarm_websocket_pace_t)
                       + n * sizeof(ngx_http_wallarm_websocket_limited_t));
    if (pace == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        limited = &pace->limited[pace->n];

        rc = ngx_http_wallarm_websocket_zone_key(ctx->request,
                                                 rule[i].zone->data, &key,
                                                 &limited->hash);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        /* a variable's value may change under it */

        limited->key.data = ngx_pstrdup(ctx->request->pool, &key);
        if (limited->key.data == NULL) {
            return NGX_ERROR;
        }

        limited->key.len = key.len;
        limited->rule = &rule[i];
        limited->number = i;
        pace->n++;
    }

    pace->event.handler = ngx_http_wallarm_websocket_pace_handler;
    pace->event.data = ctx;
    pace->event.log = ctx->request->connection->log;

    ctx->pace = pace;

    return NGX_OK;
}


/*
 * What the client sent is counted when the engine has seen it, and before
 * anything of it is released: it may be kept for a time, in which nothing more
 * is read, or it or the connection is dropped.
 */

void
ngx_http_wallarm_websocket_limit_rate(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_result_t *res)
{
    size_t                                  n;
    ngx_uint_t                              i, over, dry_run;
    ngx_msec_t                              ms, delay;
    ngx_shm_zone_t                         *shm_zone;
    ngx_http_wallarm_websocket_dir_t       *d;
    ngx_http_wallarm_websocket_pace_t      *pace;
    ngx_http_wallarm_websocket_rule_t      *rule;
    ngx_http_wallarm_websocket_zone_t      *zone;
    ngx_http_wallarm_websocket_limited_t   *limited;

    pace = ctx->pace;

    if (pace == NULL
        || direction != NGX_HTTP_WALLARM_WEBSOCKET_CLIENT
        || ctx->dropping
        || (res->status != NGX_HTTP_WALLARM_WEBSOCKET_PASS
            && res->status != NGX_HTTP_WALLARM_WEBSOCKET_PENDING))
    {
        return;
    }

    d = &ctx->dir[direction];

    for (i = 0; i < pace->n; i++) {

        limited = &pace->limited[i];
        rule = limited->rule;
        shm_zone = rule->zone;
        zone = shm_zone->data;

        if (rule->counted) {
            n = res->rated[limited->number];

        } else {
            n = zone->bytes ? res->bytes : res->messages;
        }

        if (n == 0) {
            continue;
        }

        over = 0;
        delay = ngx_http_wallarm_websocket_charge(ctx, limited, n, &over);

        if (!over) {
            continue;
        }

        dry_run = rule->dry_run
                  || (rule->action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY
                      && !d->held);

        if (!limited->said
            && (dry_run
                || rule->action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY))
        {
            limited->said = 1;
            ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                          "wallarm: websocket messages over the rate of zone "
                          "\"%V\"%s", &shm_zone->shm.name,
                          dry_run ? ", dry run" : " are delayed");
        }

        if (dry_run) {
            continue;
        }

        if (rule->action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY) {

            ms = ngx_current_msec + delay;

            if (pace->until == 0 || (ngx_msec_int_t) (ms - pace->until) > 0) {
                pace->until = ms;
            }

            pace->all |= !rule->counted;
            continue;
        }

        if (ngx_http_wallarm_websocket_over_rate(ctx, direction, rule, res)) {
            return;
        }
    }

    if (pace->until == 0) {
        return;
    }

    ms = pace->until - ngx_current_msec;

    if ((ngx_msec_int_t) ms <= 0) {
        pace->until = 0;
        pace->all = 0;
        return;
    }

    /* a message that is still to be judged waits behind its verdict */

    if (res->status == NGX_HTTP_WALLARM_WEBSOCKET_PASS) {

        if (res->control == 0) {
            n = pace->all ? res->release : res->last;

            pace->release += n;
            res->release -= n;

        } /* else a Close must not overtake whole messages */

        d->paused = 1;
        ngx_add_timer(&pace->event, ms);
    }
}


/*
 * A body is counted by its bytes before it is judged, and by what is in it, which
 * "rated" says, behind that.  The request may be refused, or wait for "delay".
 */

void
ngx_http_wallarm_websocket_limit_request(ngx_http_wallarm_websocket_ctx_t *ctx,
    size_t bytes, uint32_t *rated)
{
    size_t                                 n;
    ngx_str_t                              key;
    ngx_msec_t                             delay;
    ngx_uint_t                             i, over, pass;
    ngx_http_wallarm_websocket_rule_t     *rule;
    ngx_http_wallarm_websocket_zone_t     *zone;
    ngx_http_wallarm_websocket_raise_t     raise;
    ngx_http_wallarm_websocket_limited_t   limited;

    if (ctx->conf->rates == NULL
        || ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].opaque)
    {
        return;
    }

    rule = ctx->conf->rates->elts;

    for (i = 0; i < ctx->conf->rates->nelts && !ctx->refused; i++) {

        zone = rule[i].zone->data;

        n = zone->bytes ? bytes : rated ? rated[i] : 0;

        if (n == 0
            || ngx_http_wallarm_websocket_zone_key(ctx->request, zone, &key,
                                                   &limited.hash)
               != NGX_OK)
        {
            continue;
        }

        limited.rule = &rule[i];
        limited.key = key;
        limited.lost = 0;

        over = 0;
        delay = ngx_http_wallarm_websocket_charge(ctx, &limited, n, &over);

        if (!over) {
            continue;
        }

        pass = rule[i].dry_run
               || (rule[i].action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY
                   && ctx->conf->mode != NGX_HTTP_WALLARM_WEBSOCKET_BLOCK);

        if (pass || rule[i].action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY) {

            ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                          "wallarm: polling request over the rate of zone "
                          "\"%V\"%s", &rule[i].zone->shm.name,
                          pass ? ", dry run" : " is delayed");

            if (!pass) {
                ctx->delay = ngx_max(ctx->delay, delay);
            }

            continue;
        }

        ngx_memzero(&raise, sizeof(ngx_http_wallarm_websocket_raise_t));

        raise.token = ngx_http_wallarm_websocket_rate_token(&rule[i]);
        raise.value = rule[i].event;

        if (ngx_http_wallarm_websocket_bridge_raise(ctx->session,
                                          NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                                          &raise))
        {
            ctx->refused = 1;
            ctx->answer = NGX_HTTP_TOO_MANY_REQUESTS;
            ngx_http_wallarm_websocket_status_refused(ctx->conf, 1, NULL);
        }

        ngx_http_wallarm_websocket_events(ctx);
    }
}


static ngx_str_t *
ngx_http_wallarm_websocket_rate_token(ngx_http_wallarm_websocket_rule_t *rule)
{
    return rule->event.data ? &ngx_http_wallarm_websocket_event_rate
                            : &ngx_http_wallarm_websocket_too_fast;
}


/* returns 1 if the connection is to be dropped */

static ngx_uint_t
ngx_http_wallarm_websocket_over_rate(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_rule_t *rule,
    ngx_http_wallarm_websocket_result_t *res)
{
    ngx_uint_t                           blocks;
    ngx_http_wallarm_websocket_raise_t   raise;

    if (rule->action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_MESSAGE
        && res->discard)
    {
        /* it was dropped for another reason */
        return 0;
    }

    ngx_memzero(&raise, sizeof(ngx_http_wallarm_websocket_raise_t));

    raise.token = ngx_http_wallarm_websocket_rate_token(rule);
    raise.value = rule->event;
    raise.message = (rule->action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_MESSAGE
                     && res->last && res->alone);

    blocks = ngx_http_wallarm_websocket_bridge_raise(ctx->session, direction,
                                                     &raise)
             && ctx->dir[direction].held;

    ngx_http_wallarm_websocket_events(ctx);
    res->events = 0;

    if (!blocks) {
        return 0;
    }

    /* what came before it was not over the rate */

    res->release = rule->counted ? res->release - res->last : 0;

    if (raise.message) {
        res->discard = res->last;
        res->last = 0;
        return 0;
    }

    res->status = NGX_HTTP_WALLARM_WEBSOCKET_DROP;
    res->close_code = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_POLICY;
    res->discard = 0;

    return 1;
}


/* the time until it may go; over: it goes beyond the burst, and is counted only
   if it will go later */

static ngx_msec_t
ngx_http_wallarm_websocket_charge(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_limited_t *limited, uint64_t n,
    ngx_uint_t *over)
{
    uint64_t                            excess, burst;
    ngx_msec_t                          delay;
    ngx_http_wallarm_websocket_node_t  *node;
    ngx_http_wallarm_websocket_rule_t  *rule;
    ngx_http_wallarm_websocket_zone_t  *zone;

    rule = limited->rule;
    zone = rule->zone->data;

    /* at least one message, or the bytes of one second, go at once */

    burst = rule->number;
    burst += zone->bytes ? ngx_max(zone->rate * 1000 / zone->period, 1) : 1;
    burst *= NGX_HTTP_WALLARM_WEBSOCKET_UNIT;

    delay = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    node = ngx_http_wallarm_websocket_zone_node(zone, &limited->key,
                                                limited->hash, 0);

    if (node) {

        excess = ngx_http_wallarm_websocket_excess(zone, node)
                 + n * NGX_HTTP_WALLARM_WEBSOCKET_UNIT;

        if (excess > burst) {
            *over = 1;
            delay = (ngx_msec_t) ((double) (excess - burst) * zone->period
                                  / ((double) zone->rate
                                     * NGX_HTTP_WALLARM_WEBSOCKET_UNIT)) + 1;
        }

        if (!*over || rule->action == NGX_HTTP_WALLARM_WEBSOCKET_RATE_DELAY) {
            node->excess = excess;

            /* another worker may have been later: no time comes back twice */

            if ((ngx_msec_int_t) (ngx_current_msec - node->last) > 0) {
                node->last = ngx_current_msec;
            }
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (node == NULL) {

        if (!ctx->conf->fail_open) {
            *over = 1;
            delay = (ngx_msec_t) ((double) n * zone->period / zone->rate) + 1;
        }

        if (!limited->lost) {
            limited->lost = 1;
            ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                          "wallarm: no memory for a key in zone \"%V\", "
                          "messages are %s", &rule->zone->shm.name,
                          *over ? "over its rate" : "not counted");
        }
    }

    return delay;
}


/* what is left of it now */

static uint64_t
ngx_http_wallarm_websocket_excess(ngx_http_wallarm_websocket_zone_t *zone,
    ngx_http_wallarm_websocket_node_t *node)
{
    double          back;
    ngx_msec_int_t  ms;

    ms = (ngx_msec_int_t) (ngx_current_msec - node->last);

    if (ms <= 0 || node->excess == 0) {
        return node->excess;
    }

    back = (double) ms * zone->rate * NGX_HTTP_WALLARM_WEBSOCKET_UNIT
           / zone->period;

    return back < (double) node->excess ? node->excess - (uint64_t) back : 0;
}


static void
ngx_http_wallarm_websocket_pace_handler(ngx_event_t *ev)
{
    ngx_http_wallarm_websocket_ctx_t  *ctx;
    ngx_http_wallarm_websocket_dir_t  *d;

    ctx = ev->data;
    d = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT];

    if (!d->paused) {
        return;
    }

    d->release += ctx->pace->release;

    ngx_http_wallarm_websocket_unpace(ctx);
    ngx_http_wallarm_websocket_wake(ctx);
}


/* what waited is released, or lost */

void
ngx_http_wallarm_websocket_unpace(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    if (ctx->pace == NULL) {
        return;
    }

    ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].paused = 0;
    ctx->pace->release = 0;
    ctx->pace->until = 0;
    ctx->pace->all = 0;

    if (ctx->pace->event.timer_set) {
        ngx_del_timer(&ctx->pace->event);
    }
}
