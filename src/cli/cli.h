/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line. A verb is one entry of cmds[] and one file; its options are one
 * table, from which both the parser and the help come.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <supermachine.h>

#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 2
#define CLI_OURS 125 /* run: the failure is ours, not the program's */

enum opt_type {
	OPT_FLAG,    /* bool */
	OPT_STRING,  /* const char * */
	OPT_LIST,    /* struct strv: may be given again */
	OPT_SIZE,    /* uint64_t bytes */
	OPT_COUNT,   /* uint32_t */
	OPT_TIME,    /* uint32_t milliseconds */
	OPT_REFUSED, /* Docker has it and we have not: `help` says why */
};

struct opt {
	const char *name; /* long, without dashes */
	char letter;	  /* 0: none */
	enum opt_type type;
	const char *arg; /* what the help calls its value; NULL for a flag */
	const char *help;
	size_t offset; /* of the value in the verb's struct */
};

/* Copies of strings. */
struct strv {
	char **v; /* NULL-terminated or NULL */
	size_t nr;
};
void strv_add(struct strv *s, const char *text);
void strv_fini(struct strv *s);
/* "K" becomes "K=V" with the caller's value, or goes when there is none. */
void strv_expand_env(struct strv *env);

/* What the words behind a verb's options name, for the shells' completion. */
enum cmd_words { CMD_OTHER, CMD_IMAGES, CMD_VMS };

struct cmd {
	const char *name;
	const char *args;	/* for the usage line */
	const char *help;	/* one line */
	const struct opt *opts; /* ends with a NULL name */
	/* argv[0] is the verb. Returns the exit status. */
	int (*run)(int argc, char **argv);
	int usage_status; /* what a wrong call exits with */
	enum cmd_words words;
	bool hidden; /* not in the list of commands */
};

extern const struct cmd cmd_run, cmd_pull, cmd_images, cmd_rmi, cmd_doctor, cmd_version;
extern const struct cmd cmd_tag, cmd_inspect, cmd_history, cmd_prune, cmd_store, cmd_load;
extern const struct cmd cmd_ps, cmd_exec, cmd_attach, cmd_logs, cmd_stop, cmd_kill, cmd_wait, cmd_rm,
	cmd_rename;
extern const struct cmd cmd_completion, cmd_man, cmd_stats;
extern const struct cmd *const cmds[];

/*
 * Fills the struct at `base`; stops at the first word that is no option, or behind "--".
 * Returns its index; -1 after having said what is wrong; -2 when help was asked for and
 * printed.
 */
int opts_parse(const struct cmd *c, int argc, char **argv, void *base);
void cmd_print_help(const struct cmd *c);
/* How far one word is from another, in typing errors. */
size_t opts_distance(const char *a, const char *b);

/* "supermachine: " and the sentence on stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Says `e` and returns `status`. */
int cli_fail(const struct sm_err *e, int status);
/* The context with logging as --debug asks. */
int cli_ctx(bool debug, struct sm_ctx **ret, struct sm_err *e);

/* Progress of pulls on stderr (progress.c). */
struct progress {
	bool quiet, tty, json, shown;
	char stage[16];
	char object[80];
	uint64_t since_ms, from; /* when and with how many bytes this stage of this object began */
};
/* `how` is what --progress says, or NULL; false after having said that there is no such way. */
bool progress_init(struct progress *p, const char *how, bool quiet);
/* What a terminal of so many columns shows. */
void progress_line(const struct progress *p, const struct sm_progress *s, uint64_t now_ms, size_t columns,
		   char *ret, size_t max);
sm_progress_fn progress_show;
/* Clears what stands on the terminal. */
void progress_end(struct progress *p);

/* 12345678 -> "12.3MB". */
void cli_format_size(uint64_t bytes, char ret[16]);
/* `s`, which is UTF-8, as a JSON string with its quotes. */
void cli_print_json_string(const char *s);
void cli_format_age(uint64_t created, char ret[32]);

#endif
