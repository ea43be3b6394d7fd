/*
 * job.h
 *	  Rounds of jobs: what a worker, merch.run_due() and merch.run_job() have in common.
 */
#ifndef MERCH_JOB_H
#define MERCH_JOB_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct JobRound
{
	const char *only;			/* this job alone; NULL: any */
	bool		forced;			/* due or not, dead or not */
	TimestampTz woken_at;		/* jobs that follow commits are due, unless started since; 0: not woken */
	TimestampTz since;			/* jobs that were started since then are not due; 0: all may be */
	MemoryContext context;		/* lives as long as the round */
	List	   *busy;			/* jobs that others are running */
	TimestampTz next_due;		/* when the next job is due; DT_NOEND: nobody knows */
	int64		done;
	int64		failed;
	bool		cancelled;		/* by the user, not by the job's own timeout */
} JobRound;

/* The owner of merch.job, as whom jobs run; InvalidOid where there is none. */
extern Oid	merch_job_owner(void);

/*
 * Runs one job that is due: in a non-atomic SPI connection, with two commits. False if
 * none is; next_due is set then.
 */
extern bool merch_run_next_job(JobRound *round);

#endif
