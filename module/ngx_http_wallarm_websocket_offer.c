
/*
 * What a handshake may ask for: the Origin it comes from, the subprotocols and
 * the extensions it offers.  All is decided before the upstream is asked.
 */


#include "ngx_http_wallarm_websocket.h"


/* scheme://host[:port]; the strings are parts of another */

typedef struct {
    ngx_str_t                     scheme;
    ngx_str_t                     host;      /* of a wildcard from its dot on */
    ngx_uint_t                    port;      /* 0: the scheme has no default */

    unsigned                      wildcard:1;
    unsigned                      any_port:1;
} ngx_http_wallarm_websocket_triple_t;


typedef struct {
    ngx_http_wallarm_websocket_triple_t  triple;
    ngx_http_complex_value_t     *value;     /* with variables, or NULL */
} ngx_http_wallarm_websocket_allowed_t;


struct ngx_http_wallarm_websocket_origins_s {
    ngx_array_t                   allowed;
    ngx_http_complex_value_t     *scheme;    /* NULL: the connection's */
    ngx_uint_t                    missing;   /* 1: allowed */

    unsigned                      same:1;
    unsigned                      null:1;
};


struct ngx_http_wallarm_websocket_subprotocols_s {
    ngx_array_t                   names;     /* "name", or "prefix*" */
    ngx_uint_t                    strip;
};


static char *ngx_http_wallarm_websocket_origin_scheme(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_origins_t *origins, ngx_str_t *value);
static char *ngx_http_wallarm_websocket_origin_allow(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_origins_t *origins, ngx_str_t *value);
static ngx_int_t ngx_http_wallarm_websocket_parse_origin(ngx_str_t *s,
    ngx_http_wallarm_websocket_triple_t *o, ngx_uint_t pattern);
static ngx_uint_t ngx_http_wallarm_websocket_origin_port(ngx_str_t *scheme);

static ngx_int_t ngx_http_wallarm_websocket_check_origin(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);
static ngx_int_t ngx_http_wallarm_websocket_match_origin(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_origins_t *origins,
    ngx_http_wallarm_websocket_triple_t *o);
static ngx_int_t ngx_http_wallarm_websocket_same_origin(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_origins_t *origins,
    ngx_http_wallarm_websocket_triple_t *o);

static ngx_int_t ngx_http_wallarm_websocket_check_connection(
    ngx_http_request_t *r, ngx_http_wallarm_websocket_loc_conf_t *wlcf);
static ngx_int_t ngx_http_wallarm_websocket_check_subprotocols(
    ngx_http_request_t *r, ngx_http_wallarm_websocket_loc_conf_t *wlcf);
static ngx_uint_t ngx_http_wallarm_websocket_subprotocol_allowed(
    ngx_http_wallarm_websocket_subprotocols_t *sp, ngx_str_t *name);
static ngx_int_t ngx_http_wallarm_websocket_check_extensions(
    ngx_http_request_t *r, ngx_http_wallarm_websocket_loc_conf_t *wlcf);

static ngx_uint_t ngx_http_wallarm_websocket_element(ngx_str_t *list,
    ngx_str_t *element);
static ngx_int_t ngx_http_wallarm_websocket_unlink(ngx_list_t *list,
    const char *name);
static ngx_int_t ngx_http_wallarm_websocket_unlink_line(ngx_list_t *list,
    ngx_list_part_t *prev, ngx_list_part_t *part, ngx_uint_t i);


static ngx_str_t  http = ngx_string("http");
static ngx_str_t  https = ngx_string("https");


static ngx_inline ngx_uint_t
ngx_http_wallarm_websocket_same_text(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len && ngx_strncasecmp(a->data, b->data, a->len) == 0;
}


char *
ngx_http_wallarm_websocket_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    char                                  *rv;
    ngx_str_t                             *value, s;
    ngx_uint_t                             i;
    ngx_http_wallarm_websocket_origins_t  *origins;

    value = cf->args->elts;

    if (wlcf->origins == NULL) {
        return "is off already";
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (wlcf->origins != NGX_CONF_UNSET_PTR) {
            return "cannot be off as well";
        }

        wlcf->origins = NULL;

        return NGX_CONF_OK;
    }

    if (ngx_http_wallarm_websocket_once(cf, 1) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (wlcf->origins == NGX_CONF_UNSET_PTR) {

        origins = ngx_pcalloc(cf->pool,
                              sizeof(ngx_http_wallarm_websocket_origins_t));
        if (origins == NULL
            || ngx_array_init(&origins->allowed, cf->pool, 4,
                              sizeof(ngx_http_wallarm_websocket_allowed_t))
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        origins->missing = NGX_CONF_UNSET_UINT;

        wlcf->origins = origins;
    }

    origins = wlcf->origins;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "same") == 0) {
            origins->same = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "null") == 0) {
            origins->null = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "missing=", 8) == 0) {

            if (origins->missing != NGX_CONF_UNSET_UINT) {
                return "has \"missing\" twice";
            }

            if (ngx_strcmp(value[i].data + 8, "allow") == 0) {
                origins->missing = 1;

            } else if (ngx_strcmp(value[i].data + 8, "deny") == 0) {
                origins->missing = 0;

            } else {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid parameter \"%V\", it must be "
                                   "\"missing=allow\" or \"missing=deny\"",
                                   &value[i]);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "scheme=", 7) == 0) {
            s.data = value[i].data + 7;
            s.len = value[i].len - 7;

            rv = ngx_http_wallarm_websocket_origin_scheme(cf, origins, &s);

        } else {
            rv = ngx_http_wallarm_websocket_origin_allow(cf, origins,
                                                         &value[i]);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_wallarm_websocket_origin_scheme(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_origins_t *origins, ngx_str_t *value)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (origins->scheme) {
        return "has \"scheme\" twice";
    }

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cv->lengths == NULL
        && ngx_http_wallarm_websocket_origin_port(&cv->value) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid scheme \"%V\", it must be \"http\", "
                           "\"https\" or have variables", value);
        return NGX_CONF_ERROR;
    }

    origins->scheme = cv;

    return NGX_CONF_OK;
}


static char *
ngx_http_wallarm_websocket_origin_allow(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_origins_t *origins, ngx_str_t *value)
{
    ngx_http_compile_complex_value_t       ccv;
    ngx_http_wallarm_websocket_allowed_t  *a;

    a = ngx_array_push(&origins->allowed);
    if (a == NULL) {
        return NGX_CONF_ERROR;
    }

    a->value = NULL;

    if (ngx_http_script_variables_count(value)) {

        a->value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
        if (a->value == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = value;
        ccv.complex_value = a->value;

        if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_http_wallarm_websocket_parse_origin(value, &a->triple, 1)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid origin \"%V\", it must be "
                           "\"scheme://host[:port]\" or "
                           "\"scheme://*.host[:port]\"", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_wallarm_websocket_subprotocol(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    u_char                                     *p, *last;
    ngx_str_t                                  *value, *name;
    ngx_uint_t                                  i;
    ngx_http_wallarm_websocket_subprotocols_t  *sp;

    value = cf->args->elts;

    if (wlcf->subprotocols == NULL) {
        return "is off already";
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (wlcf->subprotocols != NGX_CONF_UNSET_PTR) {
            return "cannot be off as well";
        }

        wlcf->subprotocols = NULL;

        return NGX_CONF_OK;
    }

    if (ngx_http_wallarm_websocket_once(cf, 1) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (wlcf->subprotocols == NGX_CONF_UNSET_PTR) {

        sp = ngx_pcalloc(cf->pool,
                         sizeof(ngx_http_wallarm_websocket_subprotocols_t));
        if (sp == NULL
            || ngx_array_init(&sp->names, cf->pool, 4, sizeof(ngx_str_t))
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        wlcf->subprotocols = sp;
    }

    sp = wlcf->subprotocols;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "strip") == 0) {
            sp->strip = 1;
            continue;
        }

        last = value[i].data + value[i].len;

        if (value[i].len > 1 && last[-1] == '*') {
            last--;
        }

        /* a token of HTTP, in which "*" would only confuse */

        for (p = value[i].data; p < last; p++) {
            if (*p <= ' ' || *p >= 0x7f
                || ngx_strchr("()<>@,;:\\\"/[]?={}*", *p))
            {
                break;
            }
        }

        if (p < last || value[i].len == 0
            || ngx_strcmp(value[i].data, "off") == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid subprotocol \"%V\", it must be a name "
                               "or \"prefix*\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        name = ngx_array_push(&sp->names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    return NGX_CONF_OK;
}


/* NGX_DECLINED, or what to answer instead of going on */

ngx_int_t
ngx_http_wallarm_websocket_offer(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_int_t  rc;

    rc = ngx_http_wallarm_websocket_check_connection(r, wlcf);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_wallarm_websocket_check_origin(r, wlcf);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_wallarm_websocket_check_subprotocols(r, wlcf);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_wallarm_websocket_check_extensions(r, wlcf);
    }

    return rc;
}


/* NGINX does not ask for "Connection: Upgrade" itself */

static ngx_int_t
ngx_http_wallarm_websocket_check_connection(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_str_t  connection, option;

    ngx_str_null(&connection);

    if (ngx_http_wallarm_websocket_header(r->pool, &r->headers_in.headers,
                                          "connection", &connection)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    while (ngx_http_wallarm_websocket_element(&connection, &option)) {

        if (option.len == sizeof("upgrade") - 1
            && ngx_strncasecmp(option.data, (u_char *) "upgrade",
                               sizeof("upgrade") - 1)
               == 0)
        {
            return NGX_DECLINED;
        }
    }

    return ngx_http_wallarm_websocket_violate(r, wlcf,
                                      ngx_http_wallarm_websocket_hs_connection);
}


static ngx_int_t
ngx_http_wallarm_websocket_check_origin(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_int_t                              rc;
    ngx_str_t                              value;
    ngx_http_wallarm_websocket_triple_t    o;
    ngx_http_wallarm_websocket_origins_t  *origins;

    origins = wlcf->origins;

    if (origins == NULL) {
        return NGX_DECLINED;
    }

    ngx_str_null(&value);

    /* several lines, joined, are no origin */

    if (ngx_http_wallarm_websocket_header(r->pool, &r->headers_in.headers,
                                          "origin", &value)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (value.data == NULL) {
        rc = origins->missing ? NGX_OK : NGX_DECLINED;

    } else if (value.len == 4 && ngx_strncmp(value.data, "null", 4) == 0) {
        rc = origins->null ? NGX_OK : NGX_DECLINED;

    } else if (ngx_http_wallarm_websocket_parse_origin(&value, &o, 0)
               == NGX_OK)
    {
        rc = ngx_http_wallarm_websocket_match_origin(r, origins, &o);

    } else {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_wallarm_websocket_violate(r, wlcf,
                                        ngx_http_wallarm_websocket_hs_origin);
    }

    return rc == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* NGX_OK, NGX_DECLINED, NGX_ERROR */

static ngx_int_t
ngx_http_wallarm_websocket_match_origin(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_origins_t *origins,
    ngx_http_wallarm_websocket_triple_t *o)
{
    ngx_str_t                              value, tail;
    ngx_uint_t                             i;
    ngx_http_wallarm_websocket_triple_t   *t, evaluated;
    ngx_http_wallarm_websocket_allowed_t  *a;

    a = origins->allowed.elts;

    for (i = 0; i < origins->allowed.nelts; i++) {
        t = &a[i].triple;

        if (a[i].value) {

            if (ngx_http_complex_value(r, a[i].value, &value) != NGX_OK) {
                return NGX_ERROR;
            }

            if (value.len == 0) {
                continue;
            }

            t = &evaluated;

            if (ngx_http_wallarm_websocket_parse_origin(&value, t, 1)
                != NGX_OK)
            {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "wallarm: invalid origin \"%V\" in "
                              "\"wallarm_websocket_origin\"", &value);
                continue;
            }
        }

        if (!ngx_http_wallarm_websocket_same_text(&o->scheme, &t->scheme)
            || (o->port != t->port && !t->any_port))
        {
            continue;
        }

        tail = o->host;

        if (t->wildcard) {

            if (tail.len <= t->host.len) {
                continue;
            }

            tail.data += tail.len - t->host.len;
            tail.len = t->host.len;
        }

        if (ngx_http_wallarm_websocket_same_text(&tail, &t->host)) {
            return NGX_OK;
        }
    }

    if (origins->same) {
        return ngx_http_wallarm_websocket_same_origin(r, origins, o);
    }

    return NGX_DECLINED;
}


/* the site that the request names in its Host */

static ngx_int_t
ngx_http_wallarm_websocket_same_origin(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_origins_t *origins,
    ngx_http_wallarm_websocket_triple_t *o)
{
    u_char     *p, *last;
    ngx_int_t   port;
    ngx_str_t   scheme, value, first, *host;

    if (r->headers_in.host == NULL) {
        return NGX_DECLINED;
    }

    scheme = http;

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        scheme = https;
    }
#endif

    if (origins->scheme) {

        if (ngx_http_complex_value(r, origins->scheme, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        /* of several proxies the first is the client's */

        if (ngx_http_wallarm_websocket_element(&value, &first)
            && ngx_http_wallarm_websocket_origin_port(&first))
        {
            scheme = first;
        }
    }

    port = ngx_http_wallarm_websocket_origin_port(&scheme);

    host = &r->headers_in.host->value;
    p = host->data;
    last = p + host->len;

    if (p < last && *p == '[') {
        p = ngx_strlchr(p, last, ']');
    }

    p = p ? ngx_strlchr(p, last, ':') : NULL;

    if (p) {
        port = ngx_atoi(p + 1, last - p - 1);
    }

    if (!ngx_http_wallarm_websocket_same_text(&o->scheme, &scheme)
        || !ngx_http_wallarm_websocket_same_text(&o->host,
                                                 &r->headers_in.server)
        || (ngx_int_t) o->port != port)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* a pattern may have "*." before the host, and "*" as the port */

static ngx_int_t
ngx_http_wallarm_websocket_parse_origin(ngx_str_t *s,
    ngx_http_wallarm_websocket_triple_t *o, ngx_uint_t pattern)
{
    u_char     *p, *last, c;
    ngx_int_t   port;

    ngx_memzero(o, sizeof(ngx_http_wallarm_websocket_triple_t));

    p = s->data;
    last = p + s->len;

    for ( /* void */ ; p < last && *p != ':'; p++) {
        c = (u_char) (*p | 0x20);

        if ((c < 'a' || c > 'z')
            && (p == s->data
                || ((*p < '0' || *p > '9')
                    && *p != '+' && *p != '-' && *p != '.')))
        {
            return NGX_ERROR;
        }
    }

    o->scheme.data = s->data;
    o->scheme.len = p - s->data;

    if (o->scheme.len == 0
        || last - p < 3 || p[0] != ':' || p[1] != '/' || p[2] != '/')
    {
        return NGX_ERROR;
    }

    p += 3;

    if (pattern && last - p > 2 && p[0] == '*' && p[1] == '.' && p[2] != '.') {
        o->wildcard = 1;
        p++;
    }

    o->host.data = p;

    if (p < last && *p == '[') {

        for (p++; p < last && *p != ']'; p++) {
            c = (u_char) (*p | 0x20);

            if ((*p < '0' || *p > '9') && (c < 'a' || c > 'f')
                && *p != ':' && *p != '.')
            {
                return NGX_ERROR;
            }
        }

        if (p == last) {
            return NGX_ERROR;
        }

        p++;

    } else {

        for ( /* void */ ; p < last && *p != ':'; p++) {
            c = (u_char) (*p | 0x20);

            if ((c < 'a' || c > 'z') && (*p < '0' || *p > '9')
                && *p != '-' && *p != '.' && *p != '_')
            {
                return NGX_ERROR;
            }
        }
    }

    o->host.len = p - o->host.data;
    o->port = ngx_http_wallarm_websocket_origin_port(&o->scheme);

    if (p == last) {
        /* "file://" has no host */
        return (o->host.len > (o->wildcard ? 1 : 0) || o->port == 0)
               ? NGX_OK : NGX_ERROR;
    }

    if (*p++ != ':' || o->host.len == 0) {
        return NGX_ERROR;
    }

    if (pattern && last - p == 1 && *p == '*') {
        o->any_port = 1;
        return NGX_OK;
    }

    port = ngx_atoi(p, last - p);

    if (port < 1 || port > 65535) {
        return NGX_ERROR;
    }

    o->port = port;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_wallarm_websocket_origin_port(ngx_str_t *scheme)
{
    return ngx_http_wallarm_websocket_same_text(scheme, &https) ? 443
           : ngx_http_wallarm_websocket_same_text(scheme, &http) ? 80 : 0;
}


/*
 * What is not in the list is taken out of the request, so that the server
 * cannot choose it: clients offer several versions, or a token beside a name.
 * Nothing left is a violation, or, with "strip", no offer.
 */

static ngx_int_t
ngx_http_wallarm_websocket_check_subprotocols(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    u_char                                     *p;
    ngx_str_t                                   value, list, name;
    ngx_table_elt_t                            *h;
    ngx_http_wallarm_websocket_subprotocols_t  *sp;

    sp = wlcf->subprotocols;

    if (sp == NULL) {
        return NGX_DECLINED;
    }

    ngx_str_null(&value);

    if (ngx_http_wallarm_websocket_header(r->pool, &r->headers_in.headers,
                                          "sec-websocket-protocol", &value)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list = value;

    do {

        if (!ngx_http_wallarm_websocket_element(&list, &name)) {
            /* all are allowed */
            return NGX_DECLINED;
        }

    } while (ngx_http_wallarm_websocket_subprotocol_allowed(sp, &name));

    p = ngx_pnalloc(r->pool, value.len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list = value;
    value.data = p;

    while (ngx_http_wallarm_websocket_element(&list, &name)) {

        if (!ngx_http_wallarm_websocket_subprotocol_allowed(sp, &name)) {
            continue;
        }

        if (p != value.data) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, name.data, name.len);
    }

    *p = '\0';
    value.len = p - value.data;

    if (value.len == 0 && !sp->strip) {
        return ngx_http_wallarm_websocket_violate(r, wlcf,
                                   ngx_http_wallarm_websocket_hs_subprotocol);
    }

    if (wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_MONITORING) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "wallarm: of the subprotocols offered, mode block would "
                      "pass on \"%V\"", &value);
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "wallarm: of the subprotocols offered, \"%V\" passed on",
                  &value);

    if (ngx_http_wallarm_websocket_unlink(&r->headers_in.headers,
                                          "sec-websocket-protocol")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_wallarm_websocket_forget_variable(r,
                                               "http_sec_websocket_protocol");

    if (value.len == 0) {
        return NGX_DECLINED;
    }

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    ngx_str_set(&h->key, "Sec-WebSocket-Protocol");
    h->lowcase_key = (u_char *) "sec-websocket-protocol";
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);
    h->value = value;

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_wallarm_websocket_subprotocol_allowed(
    ngx_http_wallarm_websocket_subprotocols_t *sp, ngx_str_t *name)
{
    size_t       n;
    ngx_str_t   *allowed;
    ngx_uint_t   i;

    allowed = sp->names.elts;

    for (i = 0; i < sp->names.nelts; i++) {
        n = allowed[i].len;

        if (n > 1 && allowed[i].data[n - 1] == '*') {
            n--;

            if (name->len < n) {
                continue;
            }

        } else if (name->len != n) {
            continue;
        }

        if (ngx_memcmp(name->data, allowed[i].data, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_wallarm_websocket_check_extensions(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_str_t  value, name;

    if (wlcf->extensions == NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_INSPECT) {
        return NGX_DECLINED;
    }

    ngx_str_null(&value);

    if (ngx_http_wallarm_websocket_header(r->pool, &r->headers_in.headers,
                                          "sec-websocket-extensions", &value)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_wallarm_websocket_element(&value, &name)) {
        return NGX_DECLINED;
    }

    if (wlcf->extensions == NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_REFUSE) {
        return ngx_http_wallarm_websocket_violate(r, wlcf,
                                     ngx_http_wallarm_websocket_hs_extension);
    }

    if (wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_MONITORING) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "wallarm: mode block would strip the extensions "
                      "offered");
        return NGX_DECLINED;
    }

    if (ngx_http_wallarm_websocket_unlink(&r->headers_in.headers,
                                          "sec-websocket-extensions")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_wallarm_websocket_forget_variable(r,
                                             "http_sec_websocket_extensions");

    return NGX_DECLINED;
}


/* takes the next element that is not empty off a list with commas */

static ngx_uint_t
ngx_http_wallarm_websocket_element(ngx_str_t *list, ngx_str_t *element)
{
    u_char  *p, *end, *last;

    p = list->data;
    last = p + list->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
        p++;
    }

    if (p == last) {
        return 0;
    }

    end = ngx_strlchr(p, last, ',');

    if (end == NULL) {
        end = last;
    }

    list->data = end;
    list->len = last - end;

    while (end[-1] == ' ' || end[-1] == '\t') {
        end--;
    }

    element->data = p;
    element->len = end - p;

    return 1;
}


/* out of the list: the proxy modules send a line of hash 0, too */

static ngx_int_t
ngx_http_wallarm_websocket_unlink(ngx_list_t *list, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part, *prev;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

again:

    prev = NULL;

    for (part = &list->part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != len
                || ngx_strncasecmp(h[i].key.data, (u_char *) name, len) != 0)
            {
                continue;
            }

            if (ngx_http_wallarm_websocket_unlink_line(list, prev, part, i)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            goto again;
        }

        prev = part;
    }

    return NGX_OK;
}


/* no other line may move, since NGINX points to them, and no part but the
   first may be empty, since NGINX does not expect that */

static ngx_int_t
ngx_http_wallarm_websocket_unlink_line(ngx_list_t *list,
    ngx_list_part_t *prev, ngx_list_part_t *part, ngx_uint_t i)
{
    ngx_list_part_t  *rest;
    ngx_table_elt_t  *h;

    h = part->elts;

    if (i + 1 < part->nelts) {

        rest = ngx_palloc(list->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->elts = &h[i + 1];
        rest->nelts = part->nelts - i - 1;
        rest->next = part->next;

        part->next = rest;

        if (list->last == part) {
            list->last = rest;
        }
    }

    part->nelts = i;

    if (i == 0 && prev) {
        prev->next = part->next;

        if (list->last == part) {
            list->last = prev;
        }
    }

    /* as if the last part were full: what is pushed next gets one of its own */

    if (list->last->nelts) {
        list->nalloc = list->last->nelts;
    }

    return NGX_OK;
}
