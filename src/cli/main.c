/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cmd *const cmds[] = { &cmd_run,	 &cmd_ps,	  &cmd_exec,	&cmd_attach, &cmd_logs,
				   &cmd_stats,	 &cmd_stop,	  &cmd_kill,	&cmd_wait,   &cmd_rm,
				   &cmd_rename,	 &cmd_pull,	  &cmd_images,	&cmd_rmi,    &cmd_tag,
				   &cmd_inspect, &cmd_history,	  &cmd_load,	&cmd_prune,  &cmd_store,
				   &cmd_doctor,	 &cmd_completion, &cmd_version, &cmd_man,    NULL };

static void main_help(FILE *f)
{
	fputs("Run any OCI image as a microVM with a kernel of its own.\n\n"
	      "Usage: supermachine COMMAND [OPTIONS] ...\n\nCommands:\n",
	      f);
	for (size_t i = 0; cmds[i]; i++)
		if (!cmds[i]->hidden)
			fprintf(f, "  %-10s %s\n", cmds[i]->name, cmds[i]->help);
	fputs("\n`supermachine COMMAND --help` tells more. Try: supermachine run alpine uname -a\n", f);
}

static int main_unknown(const char *name)
{
	const char *near = NULL;
	size_t best = 3;

	for (size_t i = 0; cmds[i]; i++) {
		size_t d = opts_distance(name, cmds[i]->name);

		if (d < best) {
			best = d;
			near = cmds[i]->name;
		}
	}
	if (near)
		cli_error("%s: no such command; did you mean `supermachine %s`?", name, near);
	else
		cli_error("%s: no such command; `supermachine --help` lists them", name);
	return CLI_USAGE;
}

static int main_dispatch(int argc, char **argv)
{
	if (argc < 2) {
		main_help(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		main_help(stdout);
		return CLI_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return cmd_version.run(1, argv + 1);
	for (size_t i = 0; cmds[i]; i++)
		if (!strcmp(argv[1], cmds[i]->name))
			return cmds[i]->run(argc - 1, argv + 1);
	return main_unknown(argv[1]);
}

int main(int argc, char **argv)
{
	int status;

	/* A closed stdout is an error like any other, not the end of us. */
	signal(SIGPIPE, SIG_IGN);
	status = main_dispatch(argc, argv);
	if (fflush(stdout) && !status) {
		cli_error("stdout: %s", strerror(errno));
		status = CLI_FAILED;
	}
	return status;
}
