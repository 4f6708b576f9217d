/* SPDX-License-Identifier: Apache-2.0 */
/* What the shells and man(1) learn of cmds[]: completion scripts and manual pages. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct opt no_opts[] = { { 0 } };

static const struct opt *completion_opts(const struct cmd *c)
{
	return c->opts ? c->opts : no_opts;
}

/* The command that lists what may stand behind the options, or "". */
static const char *completion_lister(const struct cmd *c)
{
	static const char *const listers[] = {
		"", "supermachine images 2>/dev/null | awk 'NR>1 {print $1\":\"$2}'",
		"supermachine ps -a --format names 2>/dev/null"
	};

	return listers[c->words];
}

static void completion_print_verbs(const char *separator)
{
	const char *before = "";

	for (size_t i = 0; cmds[i]; i++) {
		if (cmds[i]->hidden)
			continue;
		printf("%s%s", before, cmds[i]->name);
		before = separator;
	}
}

static void completion_print_opts(const struct cmd *c)
{
	for (const struct opt *o = completion_opts(c); o->name; o++) {
		if (o->type == OPT_REFUSED)
			continue;
		printf("--%s ", o->name);
		if (o->letter)
			printf("-%c ", o->letter);
	}
	printf("--help");
}

/* ---- bash, and zsh by its emulation of it ---- */

static void completion_bash(void)
{
	printf("_supermachine() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words=\n"
	       "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W '");
	completion_print_verbs(" ");
	printf("' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $verb:$cur in\n");
	for (size_t i = 0; cmds[i]; i++) {
		if (cmds[i]->hidden)
			continue;
		printf("\t%s:-*) words='", cmds[i]->name);
		completion_print_opts(cmds[i]);
		printf("' ;;\n");
		if (completion_lister(cmds[i])[0])
			printf("\t%s:*) words=$(%s) ;;\n", cmds[i]->name, completion_lister(cmds[i]));
	}
	printf("\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\t[ ${#COMPREPLY[@]} != 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\n"
	       "complete -F _supermachine supermachine\n");
}

static void completion_zsh(void)
{
	printf("#compdef supermachine\nautoload -Uz bashcompinit && bashcompinit\n");
	completion_bash();
}

/* ---- fish ---- */

/* Inside single quotes. */
static void completion_quote(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void completion_fish_verb(const struct cmd *c)
{
	printf("complete -c supermachine -n __fish_use_subcommand -f -a %s -d '", c->name);
	completion_quote(c->help);
	printf("'\n");
	for (const struct opt *o = completion_opts(c); o->name; o++) {
		if (o->type == OPT_REFUSED)
			continue;
		printf("complete -c supermachine -n '__fish_seen_subcommand_from %s' -l %s", c->name,
		       o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		printf("%s -d '", o->arg ? " -r" : "");
		completion_quote(o->help);
		printf("'\n");
	}
	if (completion_lister(c)[0]) {
		printf("complete -c supermachine -n '__fish_seen_subcommand_from %s' -f -a '(", c->name);
		completion_quote(completion_lister(c));
		printf(")'\n");
	}
}

static void completion_fish(void)
{
	for (size_t i = 0; cmds[i]; i++)
		if (!cmds[i]->hidden)
			completion_fish_verb(cmds[i]);
}

static int completion_run(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = { { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish } };
	int i = opts_parse(&cmd_completion, argc, argv, NULL);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	for (size_t k = 0; i + 1 == argc && k < sizeof(shells) / sizeof(shells[0]); k++) {
		if (strcmp(argv[i], shells[k].shell) != 0)
			continue;
		shells[k].print();
		return CLI_OK;
	}
	cli_error("completion: for which shell? bash, zsh or fish");
	return CLI_USAGE;
}

const struct cmd cmd_completion = { "completion", "bash|zsh|fish", "Print a completion script for a shell",
				    no_opts,	  completion_run,  CLI_USAGE };

/* ---- manual pages ---- */

/* A hyphen that is one, and no request at the start of a line. */
static void man_print(const char *text)
{
	if (*text == '.' || *text == '\'')
		printf("\\&");
	for (; *text; text++) {
		if (*text == '-' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void man_title(const char *name)
{
	printf(".TH SUPERMACHINE");
	if (name)
		putchar('-');
	for (const char *p = name ? name : ""; *p; p++)
		putchar(toupper((unsigned char)*p));
	printf(" 1 \"\" \"supermachine %s\" \"User Commands\"\n", sm_version());
}

static void man_options(const struct cmd *c)
{
	printf(".SH OPTIONS\n");
	for (const struct opt *o = completion_opts(c); o->name; o++) {
		if (o->type == OPT_REFUSED)
			continue;
		printf(".TP\n");
		if (o->letter)
			printf("\\fB\\-%c\\fR, ", o->letter);
		printf("\\fB\\-\\-");
		man_print(o->name);
		printf("\\fR");
		if (o->arg) {
			printf(" \\fI");
			man_print(o->arg);
			printf("\\fR");
		}
		putchar('\n');
		man_print(o->help);
		putchar('\n');
	}
	printf(".TP\n\\fB\\-\\-help\\fR\nprint the options\n");
}

static void man_verb(const struct cmd *c)
{
	man_title(c->name);
	printf(".SH NAME\nsupermachine\\-%s \\- ", c->name);
	man_print(c->help);
	printf("\n.SH SYNOPSIS\n\\fBsupermachine %s\\fR [\\fIoptions\\fR] ", c->name);
	man_print(c->args);
	putchar('\n');
	man_options(c);
	printf(".SH EXIT STATUS\n");
	if (c->usage_status == CLI_OURS)
		printf("The program\\(aqs own; 124 when its time was over, 125 when the failure is ours, 126 when it cannot "
		       "be executed, 127 when it is not there, 128+n when signal n killed it.\n");
	else
		printf("0; 1 on failure, 2 on a wrong call.\n");
	printf(".SH SEE ALSO\n.BR supermachine (1)\n");
}

static void man_overview(void)
{
	man_title(NULL);
	printf(".SH NAME\nsupermachine \\- run OCI images as microVMs\n.SH SYNOPSIS\n"
	       "\\fBsupermachine\\fR \\fIcommand\\fR [\\fIoptions\\fR] ...\n.SH COMMANDS\n");
	for (size_t i = 0; cmds[i]; i++) {
		if (cmds[i]->hidden)
			continue;
		printf(".TP\n.BR supermachine\\-%s (1)\n", cmds[i]->name);
		man_print(cmds[i]->help);
		putchar('\n');
	}
	printf(".SH ENVIRONMENT\n.TP\n.B SUPERMACHINE_HOME\nwhere images and running VMs are kept\n"
	       ".TP\n.B SUPERMACHINE_KERNEL\nanother guest kernel\n"
	       ".TP\n.B SUPERMACHINE_LIBEXEC\nwhere the helper programs are\n");
}

static int man_run(int argc, char **argv)
{
	int i = opts_parse(&cmd_man, argc, argv, NULL);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i == argc) {
		man_overview();
		return CLI_OK;
	}
	for (size_t k = 0; i + 1 == argc && cmds[k]; k++) {
		if (strcmp(argv[i], cmds[k]->name) != 0 || cmds[k]->hidden)
			continue;
		man_verb(cmds[k]);
		return CLI_OK;
	}
	cli_error("man: a command of `supermachine --help`, or none");
	return CLI_USAGE;
}

const struct cmd cmd_man = {
	.name = "man",
	.args = "[COMMAND]",
	.help = "Print a manual page; | man -l - shows it",
	.opts = no_opts,
	.run = man_run,
	.usage_status = CLI_USAGE,
};
