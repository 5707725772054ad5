
/*
 * Directives, configuration, and the start and end of a worker.
 */


#include "ngx_http_wallarm_websocket.h"


static void *ngx_wallarm_websocket_create_conf(ngx_cycle_t *cycle);
static char *ngx_wallarm_websocket_init_conf(ngx_cycle_t *cycle, void *conf);
static ngx_int_t ngx_wallarm_websocket_check_access(ngx_cycle_t *cycle,
    ngx_str_t *path);
static char *ngx_wallarm_websocket_library(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static void *ngx_http_wallarm_websocket_create_loc_conf(ngx_conf_t *cf);
static void ngx_http_wallarm_websocket_without_parse(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf);
static char *ngx_http_wallarm_websocket_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static char *ngx_http_wallarm_websocket_mode(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static ngx_uint_t ngx_http_wallarm_websocket_parse_mode(ngx_str_t *value);
static char *ngx_http_wallarm_websocket_time_limit(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_wallarm_websocket_not_zero(ngx_conf_t *cf, void *post,
    void *data);

static ngx_int_t ngx_http_wallarm_websocket_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_wallarm_websocket_init_process(ngx_cycle_t *cycle);
static void ngx_http_wallarm_websocket_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_wallarm_websocket_modes[] = {
    { ngx_string("off"), NGX_HTTP_WALLARM_WEBSOCKET_OFF },
    { ngx_string("monitoring"), NGX_HTTP_WALLARM_WEBSOCKET_MONITORING },
    { ngx_string("block"), NGX_HTTP_WALLARM_WEBSOCKET_BLOCK },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_wallarm_websocket_limit_block[] = {
    { ngx_string("attack"), NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ATTACK },
    { ngx_string("on"), NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ON },
    { ngx_string("off"), NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_wallarm_websocket_extensions[] = {
    { ngx_string("inspect"), NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_INSPECT },
    { ngx_string("strip"), NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_STRIP },
    { ngx_string("refuse"), NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_REFUSE },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_wallarm_websocket_threads_bounds = {
    ngx_conf_check_num_bounds, 1, 64
};

static ngx_conf_num_bounds_t  ngx_http_wallarm_websocket_threshold_bounds = {
    ngx_conf_check_num_bounds, 1, 1000
};

/* a limit of 0 would refuse everything */
static ngx_conf_post_t  ngx_http_wallarm_websocket_not_zero_post = {
    ngx_http_wallarm_websocket_not_zero
};


static ngx_command_t  ngx_wallarm_websocket_commands[] = {

    { ngx_string("wallarm_websocket_library"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_wallarm_websocket_library,
      0,
      0,
      NULL },

    { ngx_string("wallarm_websocket_worker_memory"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_wallarm_websocket_conf_t, memory),
      &ngx_http_wallarm_websocket_not_zero_post },

    { ngx_string("wallarm_websocket_threads"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_wallarm_websocket_conf_t, threads),
      &ngx_http_wallarm_websocket_threads_bounds },

    { ngx_string("wallarm_websocket_rules_interval"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_wallarm_websocket_conf_t, rules_interval),
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_wallarm_websocket_module_ctx = {
    ngx_string("wallarm_websocket"),
    ngx_wallarm_websocket_create_conf,
    ngx_wallarm_websocket_init_conf
};


/* the main context is a core module's */

ngx_module_t  ngx_wallarm_websocket_module = {
    NGX_MODULE_V1,
    &ngx_wallarm_websocket_module_ctx,      /* module context */
    ngx_wallarm_websocket_commands,         /* module directives */
    NGX_CORE_MODULE,                        /* module type */
    NULL,                                   /* init master */
    NULL,                                   /* init module */
    NULL,                                   /* init process */
    NULL,                                   /* init thread */
    NULL,                                   /* exit thread */
    NULL,                                   /* exit process */
    NULL,                                   /* exit master */
    NGX_MODULE_V1_PADDING
};


#define NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF                                   \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


static ngx_command_t  ngx_http_wallarm_websocket_commands[] = {

    { ngx_string("wallarm_parse_websocket"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, parse),
      NULL },

    { ngx_string("wallarm_mode"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_wallarm_websocket_mode,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_fallback"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, fallback),
      NULL },

    { ngx_string("wallarm_parser_disable"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_list },

    { ngx_string("wallarm_websocket_redact"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_list },

    { ngx_string("wallarm_websocket_event"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_2MORE,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_list },

    { ngx_string("wallarm_websocket_paranoia"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_single },

    { ngx_string("wallarm_websocket_profile"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE123,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_list },

    { ngx_string("wallarm_websocket_rules"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_wallarm_websocket_statement_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_every },

    { ngx_string("wallarm_websocket_schema"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE23,
      ngx_http_wallarm_websocket_statement_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_list },

    { ngx_string("wallarm_websocket_asyncapi"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_statement_file1,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_single },

    { ngx_string("wallarm_websocket_ignore"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_every },

    { ngx_string("wallarm_event_log"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_event_log,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_process_time_limit"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_wallarm_websocket_time_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_process_time_limit_block"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, limit_block),
      &ngx_http_wallarm_websocket_limit_block },

    { ngx_string("wallarm_websocket_response_mode"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, response_mode),
      &ngx_http_wallarm_websocket_modes },

    { ngx_string("wallarm_websocket_origin"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_websocket_subprotocol"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_subprotocol,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_websocket_extensions"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, extensions),
      &ngx_http_wallarm_websocket_extensions },

    { ngx_string("wallarm_websocket_ban_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_wallarm_websocket_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_ban_kind },

    { ngx_string("wallarm_websocket_ban"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_wallarm_websocket_use_zone,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, bans),
      &ngx_http_wallarm_websocket_ban_kind },

    { ngx_string("wallarm_websocket_connections_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_wallarm_websocket_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_connections_kind },

    { ngx_string("wallarm_websocket_connections"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_use_zone,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, connections),
      &ngx_http_wallarm_websocket_connections_kind },

    { ngx_string("wallarm_websocket_rate_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_wallarm_websocket_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_rate_kind },

    { ngx_string("wallarm_websocket_rate"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_1MORE,
      ngx_http_wallarm_websocket_use_zone,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, rates),
      &ngx_http_wallarm_websocket_rate_kind },

    { ngx_string("wallarm_websocket_max_age"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE123,
      ngx_http_wallarm_websocket_max_age,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_websocket_threshold"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, threshold),
      &ngx_http_wallarm_websocket_threshold_bounds },

    { ngx_string("wallarm_websocket_max_message_size"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, max_message),
      &ngx_http_wallarm_websocket_size },

    { ngx_string("wallarm_websocket_max_inflated_size"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, max_inflated),
      &ngx_http_wallarm_websocket_size },

    { ngx_string("wallarm_websocket_assembly_timeout"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, assembly_timeout),
      &ngx_http_wallarm_websocket_time },

    { ngx_string("wallarm_websocket_max_frame_size"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, max_frame),
      &ngx_http_wallarm_websocket_any_size },

    { ngx_string("wallarm_websocket_max_fragments"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, max_fragments),
      &ngx_http_wallarm_websocket_fragments },

    { ngx_string("wallarm_websocket_max_inflate_ratio"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, max_inflate_ratio),
      &ngx_http_wallarm_websocket_ratio },

    { ngx_string("wallarm_websocket_max_control_rate"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, max_control_rate),
      &ngx_http_wallarm_websocket_rate },

    { ngx_string("wallarm_websocket_messages"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_limits_t, messages),
      &ngx_http_wallarm_websocket_messages },

    { ngx_string("wallarm_websocket_action"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE123,
      ngx_http_wallarm_websocket_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_websocket_violation"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE2,
      ngx_http_wallarm_websocket_statement,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_wallarm_websocket_every },

    { ngx_string("wallarm_parse_response"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, parse_response),
      NULL },

    { ngx_string("wallarm_status"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      ngx_http_wallarm_websocket_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_websocket_control"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_wallarm_websocket_control,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("wallarm_websocket_control_key"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_wallarm_websocket_loc_conf_t, control_key),
      NULL },

    { ngx_string("wallarm_zone_label"),
      NGX_HTTP_WALLARM_WEBSOCKET_ANY_CONF|NGX_CONF_TAKE1,
      ngx_http_wallarm_websocket_zone_label,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_wallarm_websocket_module_ctx = {
    ngx_http_wallarm_websocket_add_variables,
                                            /* preconfiguration */
    ngx_http_wallarm_websocket_handshake_init,
                                            /* postconfiguration */

    NULL,                                   /* create main configuration */
    NULL,                                   /* init main configuration */

    NULL,                                   /* create server configuration */
    NULL,                                   /* merge server configuration */

    ngx_http_wallarm_websocket_create_loc_conf,
                                            /* create location configuration */
    ngx_http_wallarm_websocket_merge_loc_conf
                                            /* merge location configuration */
};


ngx_module_t  ngx_http_wallarm_websocket_module = {
    NGX_MODULE_V1,
    &ngx_http_wallarm_websocket_module_ctx, /* module context */
    ngx_http_wallarm_websocket_commands,    /* module directives */
    NGX_HTTP_MODULE,                        /* module type */
    NULL,                                   /* init master */
    ngx_http_wallarm_websocket_init_module, /* init module */
    ngx_http_wallarm_websocket_init_process,
                                            /* init process */
    NULL,                                   /* init thread */
    NULL,                                   /* exit thread */
    ngx_http_wallarm_websocket_exit_process,
                                            /* exit process */
    NULL,                                   /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_wallarm_websocket_create_conf(ngx_cycle_t *cycle)
{
    ngx_wallarm_websocket_conf_t  *wcf;

    wcf = ngx_pcalloc(cycle->pool, sizeof(ngx_wallarm_websocket_conf_t));
    if (wcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&wcf->policies, cycle->pool, 4,
                       sizeof(ngx_http_wallarm_websocket_policy_t *))
        != NGX_OK
        || ngx_array_init(&wcf->logs, cycle->pool, 4,
                          sizeof(ngx_http_wallarm_websocket_log_t *))
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&wcf->labels, cycle->pool, 4,
                       sizeof(ngx_http_wallarm_websocket_label_t *))
        != NGX_OK)
    {
        return NULL;
    }

    wcf->memory = NGX_CONF_UNSET_SIZE;
    wcf->threads = NGX_CONF_UNSET;
    wcf->rules_interval = NGX_CONF_UNSET_MSEC;

    return wcf;
}


/* after the whole configuration: "nginx -t" refuses a library that does not
   fit, but the master never loads it */

static char *
ngx_wallarm_websocket_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_wallarm_websocket_conf_t *wcf = conf;

    ngx_str_t  *path;

    ngx_conf_init_size_value(wcf->memory, 256 * 1024 * 1024);
    ngx_conf_init_value(wcf->threads, 2);
    ngx_conf_init_msec_value(wcf->rules_interval, 5000);

    if (!wcf->in_use) {
        return NGX_CONF_OK;
    }

    path = ngx_http_wallarm_websocket_bridge_path(cycle->pool, &wcf->library);
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_wallarm_websocket_bridge_check(path, cycle->log) == NGX_OK) {

        if (ngx_wallarm_websocket_check_access(cycle, path) != NGX_OK
            || ngx_http_wallarm_websocket_check_policies(cycle, wcf, path)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (wcf->library.len) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "invalid \"wallarm_websocket_library\" in %V:%ui",
                      &wcf->file, wcf->line);
    } else {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"wallarm_parse_websocket\" needs the inspection "
                      "library: install it there, or set "
                      "\"wallarm_websocket_library\" in the main context");
    }

    return NGX_CONF_ERROR;
}


/* the master sees the file as root, a worker has to load it as its user */

static ngx_int_t
ngx_wallarm_websocket_check_access(ngx_cycle_t *cycle, ngx_str_t *path)
{
    ngx_fd_t          fd;
    ngx_err_t         err;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() != 0 || ccf->user == 0
        || ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT)
    {
        return NGX_OK;
    }

    if (setegid(ccf->group) == -1 || seteuid(ccf->user) == -1) {
        fd = NGX_INVALID_FILE;
        err = ngx_errno;

    } else {
        fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
        err = ngx_errno;
    }

    if (seteuid(0) == -1 || setegid(0) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "wallarm: seteuid(0) failed");
        return NGX_ERROR;
    }

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, err,
                      "\"%V\" cannot be read by the workers' user \"%s\", "
                      "websocket connections will not be inspected",
                      path, ccf->username);
        return NGX_OK;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return NGX_OK;
}


static char *
ngx_wallarm_websocket_library(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_wallarm_websocket_conf_t *wcf = conf;

    ngx_str_t  *value;

    if (wcf->library.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "must not be empty";
    }

    wcf->library = value[1];
    wcf->file = cf->conf_file->file.name;
    wcf->line = cf->conf_file->line;

    if (ngx_conf_full_name(cf->cycle, &wcf->library, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_wallarm_websocket_create_loc_conf(ngx_conf_t *cf)
{
    ngx_uint_t                              i;
    ngx_http_wallarm_websocket_loc_conf_t  *wlcf;

    wlcf = ngx_palloc(cf->pool, sizeof(ngx_http_wallarm_websocket_loc_conf_t));
    if (wlcf == NULL) {
        return NULL;
    }

    wlcf->parse = NGX_CONF_UNSET;
    wlcf->mode = NGX_CONF_UNSET_UINT;
    wlcf->mode_value = NULL;
    wlcf->by_mode = NULL;
    wlcf->response_mode = NGX_CONF_UNSET_UINT;
    wlcf->fallback = NGX_CONF_UNSET;
    wlcf->threshold = NGX_CONF_UNSET;
    wlcf->parse_response = NGX_CONF_UNSET;
    wlcf->action = NGX_CONF_UNSET_UINT;
    ngx_str_null(&wlcf->close_reason);
    wlcf->time_limit = NGX_CONF_UNSET_MSEC;
    wlcf->limit_block = NGX_CONF_UNSET_UINT;
    wlcf->policy = NULL;
    wlcf->origins = NGX_CONF_UNSET_PTR;
    wlcf->subprotocols = NGX_CONF_UNSET_PTR;
    wlcf->extensions = NGX_CONF_UNSET_UINT;
    wlcf->event_logs = NGX_CONF_UNSET_PTR;
    wlcf->bans = NGX_CONF_UNSET_PTR;
    wlcf->connections = NGX_CONF_UNSET_PTR;
    wlcf->rates = NGX_CONF_UNSET_PTR;
    wlcf->control_key = NULL;
    wlcf->max_age = NGX_CONF_UNSET_MSEC;
    wlcf->age_code = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_GOING_AWAY;
    wlcf->age_jwt = NULL;
    wlcf->status = NGX_CONF_UNSET_UINT;
    wlcf->label = NGX_CONF_UNSET_PTR;

    for (i = 0; i < 2; i++) {
        wlcf->limits[i].max_message = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].max_inflated = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].max_frame = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].max_fragments = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].max_inflate_ratio = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].max_control_rate = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].messages = NGX_CONF_UNSET_SIZE;
        wlcf->limits[i].assembly_timeout = NGX_CONF_UNSET_SIZE;
    }

    return wlcf;
}


/* a location that is to be guarded, but where it was forgotten to look */

static void
ngx_http_wallarm_websocket_without_parse(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf)
{
    u_char                                  *name;
    ngx_http_core_loc_conf_t                *clcf;
    ngx_http_wallarm_websocket_statement_t  *st;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->parse != NGX_CONF_UNSET || prev->parse == 1
        || clcf->name.len == 0)
    {
        return;
    }

    if (conf->origins != NGX_CONF_UNSET_PTR && conf->origins) {
        name = (u_char *) "wallarm_websocket_origin";

    } else if (conf->subprotocols != NGX_CONF_UNSET_PTR && conf->subprotocols) {
        name = (u_char *) "wallarm_websocket_subprotocol";

    } else if (conf->extensions != NGX_CONF_UNSET_UINT
               && conf->extensions
                  != NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_INSPECT)
    {
        name = (u_char *) "wallarm_websocket_extensions";

    } else if (conf->bans != NGX_CONF_UNSET_PTR && conf->bans) {
        name = (u_char *) "wallarm_websocket_ban";

    } else if (conf->connections != NGX_CONF_UNSET_PTR && conf->connections) {
        name = (u_char *) "wallarm_websocket_connections";

    } else if (conf->rates != NGX_CONF_UNSET_PTR && conf->rates) {
        name = (u_char *) "wallarm_websocket_rate";

    } else if (conf->max_age != NGX_CONF_UNSET_MSEC
               && (conf->max_age || conf->age_jwt))
    {
        name = (u_char *) "wallarm_websocket_max_age";

    } else if (conf->policy && conf->rates == NGX_CONF_UNSET_PTR) {
        st = conf->policy->statements.elts;
        name = st[0].name.data;

    } else {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "\"%s\" in location \"%V\" does nothing without "
                  "\"wallarm_parse_websocket on\"", name, &clcf->name);
}


static char *
ngx_http_wallarm_websocket_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child)
{
    ngx_http_wallarm_websocket_loc_conf_t  *prev = parent;
    ngx_http_wallarm_websocket_loc_conf_t  *conf = child;

    ngx_uint_t                     i, in_use;
    ngx_wallarm_websocket_conf_t  *wcf;

    static ngx_str_t  request_id = ngx_string("request_id");

    ngx_http_wallarm_websocket_without_parse(cf, prev, conf);

    ngx_conf_merge_value(conf->parse, prev->parse, 0);

    if (conf->mode == NGX_CONF_UNSET_UINT) {
        conf->mode_value = prev->mode_value;
    }

    ngx_conf_merge_uint_value(conf->mode, prev->mode,
                              NGX_HTTP_WALLARM_WEBSOCKET_BLOCK);
    ngx_conf_merge_uint_value(conf->response_mode, prev->response_mode,
                              NGX_HTTP_WALLARM_WEBSOCKET_MONITORING);
    ngx_conf_merge_value(conf->fallback, prev->fallback, 1);

    conf->fail_open = conf->fallback
                      || conf->mode == NGX_HTTP_WALLARM_WEBSOCKET_MONITORING;

    ngx_conf_merge_value(conf->threshold, prev->threshold, 5);
    ngx_conf_merge_value(conf->parse_response, prev->parse_response, 1);
    ngx_http_wallarm_websocket_merge_limits(prev, conf);
    ngx_http_wallarm_websocket_merge_action(prev, conf);
    ngx_conf_merge_msec_value(conf->time_limit, prev->time_limit, 1000);
    ngx_conf_merge_uint_value(conf->limit_block, prev->limit_block,
                              NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ATTACK);

    if (ngx_http_wallarm_websocket_merge_policy(cf, prev, conf)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_ptr_value(conf->subprotocols, prev->subprotocols, NULL);
    ngx_conf_merge_uint_value(conf->extensions, prev->extensions,
                              NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_INSPECT);
    ngx_conf_merge_ptr_value(conf->bans, prev->bans, NULL);
    ngx_conf_merge_ptr_value(conf->connections, prev->connections, NULL);
    ngx_conf_merge_ptr_value(conf->rates, prev->rates, NULL);
    ngx_http_wallarm_websocket_merge_age(prev, conf);

    if (conf->control_key == NULL) {
        conf->control_key = prev->control_key;
    }

    if (ngx_http_wallarm_websocket_check_rates(cf, conf->rates)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->event_logs == NGX_CONF_UNSET_PTR) {
        conf->event_logs = prev->event_logs;
    }

    ngx_conf_merge_ptr_value(conf->label, prev->label, NULL);

    in_use = conf->parse && conf->mode != NGX_HTTP_WALLARM_WEBSOCKET_OFF;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cf->cycle->conf_ctx, ngx_wallarm_websocket_module);

    if (ngx_http_wallarm_websocket_add_policy(wcf, conf->policy, in_use)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!in_use) {
        return NGX_CONF_OK;
    }

    /* no file is created for a configuration that does not use it */

    if (conf->event_logs == NGX_CONF_UNSET_PTR
        && ngx_http_wallarm_websocket_default_event_log(cf, &conf->event_logs)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    conf->log_payload = ngx_http_wallarm_websocket_log_payload(
                                                          conf->event_logs);

    wcf->in_use = 1;

    /* without an index each evaluation would make another one */

    conf->request_id = ngx_http_get_variable_index(cf, &request_id);
    if (conf->request_id == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (conf->mode_value) {
        conf->by_mode = ngx_palloc(cf->pool,
                            3 * sizeof(ngx_http_wallarm_websocket_loc_conf_t));
        if (conf->by_mode == NULL) {
            return NGX_CONF_ERROR;
        }

        for (i = 0; i < 3; i++) {
            conf->by_mode[i] = *conf;
            conf->by_mode[i].mode = i;
            conf->by_mode[i].fail_open = conf->fallback
                                 || i == NGX_HTTP_WALLARM_WEBSOCKET_MONITORING;
        }
    }

    return NGX_CONF_OK;
}


/* a mode, or variables that become one with each request */

static char *
ngx_http_wallarm_websocket_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    ngx_str_t                         *value;
    ngx_http_complex_value_t           cv;
    ngx_http_compile_complex_value_t   ccv;

    if (wlcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = &cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cv.lengths) {
        wlcf->mode = NGX_HTTP_WALLARM_WEBSOCKET_BLOCK;

        wlcf->mode_value = ngx_palloc(cf->pool,
                                      sizeof(ngx_http_complex_value_t));
        if (wlcf->mode_value == NULL) {
            return NGX_CONF_ERROR;
        }

        *wlcf->mode_value = cv;

        return NGX_CONF_OK;
    }

    wlcf->mode = ngx_http_wallarm_websocket_parse_mode(&value[1]);

    if (wlcf->mode == NGX_CONF_UNSET_UINT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (value[1].len == sizeof("safe_blocking") - 1) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"safe_blocking\" needs Wallarm's lists of "
                           "addresses, \"monitoring\" is used");
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_wallarm_websocket_parse_mode(ngx_str_t *value)
{
    ngx_uint_t        i;
    ngx_conf_enum_t  *e;

    static ngx_str_t  safe_blocking = ngx_string("safe_blocking");

    e = ngx_http_wallarm_websocket_modes;

    for (i = 0; e[i].name.len; i++) {
        if (e[i].name.len == value->len
            && ngx_strncmp(e[i].name.data, value->data, value->len) == 0)
        {
            return e[i].value;
        }
    }

    if (value->len == safe_blocking.len
        && ngx_strncmp(value->data, safe_blocking.data, value->len) == 0)
    {
        return NGX_HTTP_WALLARM_WEBSOCKET_MONITORING;
    }

    return NGX_CONF_UNSET_UINT;
}


/* the configuration of a request: with the mode that variables say, if any;
   "log": what they say wrong, once */

ngx_http_wallarm_websocket_loc_conf_t *
ngx_http_wallarm_websocket_get_conf(ngx_http_request_t *r, ngx_uint_t log)
{
    ngx_str_t                               value;
    ngx_uint_t                              mode;
    ngx_http_wallarm_websocket_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_wallarm_websocket_module);

    if (wlcf->by_mode == NULL) {
        return wlcf;
    }

    mode = NGX_CONF_UNSET_UINT;

    if (ngx_http_complex_value(r, wlcf->mode_value, &value) == NGX_OK) {
        mode = ngx_http_wallarm_websocket_parse_mode(&value);

        if (mode == NGX_CONF_UNSET_UINT && log) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "wallarm: invalid \"wallarm_mode\" value \"%V\", "
                          "\"block\" is used", &value);
        }
    }

    if (mode == NGX_CONF_UNSET_UINT) {
        mode = NGX_HTTP_WALLARM_WEBSOCKET_BLOCK;
    }

    return &wlcf->by_mode[mode];
}


/* a bare number is milliseconds, as Wallarm's */

static char *
ngx_http_wallarm_websocket_time_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    ngx_int_t   ms;
    ngx_str_t  *value;

    if (wlcf->time_limit != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ms = ngx_atoi(value[1].data, value[1].len);

    if (ms == NGX_ERROR) {
        ms = ngx_parse_time(&value[1], 0);
    }

    if (ms == NGX_ERROR || ms > 24 * 60 * 60 * 1000) {
        return "invalid value";
    }

    wlcf->time_limit = ms;

    return ngx_http_wallarm_websocket_not_zero(cf, NULL, &wlcf->time_limit);
}


/* both of a size_t and of an ngx_msec_t */

static char *
ngx_http_wallarm_websocket_not_zero(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    if (*value == 0) {
        return "must be greater than zero";
    }

    return NGX_CONF_OK;
}


/* in the master, once a configuration is accepted */

static ngx_int_t
ngx_http_wallarm_websocket_init_module(ngx_cycle_t *cycle)
{
    ngx_wallarm_websocket_conf_t  *wcf;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cycle->conf_ctx, ngx_wallarm_websocket_module);

    ngx_http_wallarm_websocket_status_loaded(wcf);

    return ngx_http_wallarm_websocket_event_logs_init(cycle);
}


static ngx_int_t
ngx_http_wallarm_websocket_init_process(ngx_cycle_t *cycle)
{
    ngx_wallarm_websocket_conf_t  *wcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cycle->conf_ctx, ngx_wallarm_websocket_module);

    /* an error here would leave a master without workers: it is logged, and
       "wallarm_fallback" decides */

    if (wcf->in_use
        && ngx_http_wallarm_websocket_verdict_init(cycle, wcf) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "wallarm: websocket connections are not inspected by "
                      "this worker");
    }

    ngx_http_wallarm_websocket_status_init(cycle, wcf);
    ngx_http_wallarm_websocket_reload_init(cycle, wcf);
    ngx_http_wallarm_websocket_control_init(wcf);

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_wallarm_websocket_verdict_exit(cycle);
    ngx_http_wallarm_websocket_status_exit();
}
