/*
 * log_kind.c - the table of log kinds. What an operator reads about a line stands here
 * and nowhere else.
 */
#include "model/log_kind.h"

#include "base/mem.h"

const struct log_kind log_kinds[KIND_COUNT] = {
	/* a set that starts, stops, reloads */
	[KIND_READY] = { "ready", LOG_LEVEL_INFO, "645adf4ab8ff41d88040262871146655",
	  "trawld is ready",
	  "Every process serves; the line names the API's address and DATA_DIR.",
	  "" },
	[KIND_STOPPING] = { "stopping", LOG_LEVEL_INFO, "8a770b9ea4184ee1bab9461a321e2ff6",
	  "trawld stops as asked",
	  "SIGTERM or SIGINT came. Open requests are answered, then the processes leave, the fronts "
	  "first and the keeper last.",
	  "" },
	[KIND_STOPPING_ON_FAILURE] = { "stopping-on-failure", LOG_LEVEL_ERROR, "0f68c9ca1e894a01a2fad152bd282739",
	  "trawld stops: a process cannot run",
	  "A process ended in a way that starting it again cannot mend, so all of them end; the "
	  "lines before tell why. The exit status is that of the process: 78 configuration, 73 "
	  "DATA_DIR, 75 its programs were replaced underneath.",
	  "Mend what the lines before name, then start trawld. With status 75 systemd starts it by "
	  "itself." },
	[KIND_STOPPED] = { "stopped", LOG_LEVEL_INFO, "55b9875ecaf84c7cabd61fda165baae0",
	  "trawld has stopped",
	  "All processes have left; what was acknowledged is on disk.",
	  "" },
	[KIND_RELOADING] = { "reloading", LOG_LEVEL_INFO, "493663cb2ac6464589332e6d2041f4dc",
	  "The configuration is read again",
	  "SIGHUP came (systemctl reload trawld).",
	  "" },
	[KIND_RELOADED] = { "reloaded", LOG_LEVEL_INFO, "729279991bc24da1a81b4d6a027487b0",
	  "The new configuration is in use",
	  "Every process was replaced by one that has the new configuration.",
	  "" },
	[KIND_RELOAD_REFUSED] = { "reload-refused", LOG_LEVEL_ERROR, "199560d0c69948a8926ff5c9cfbcb616",
	  "A reload was refused",
	  "The new configuration is wrong; nothing was changed and the old one stays in use. The "
	  "line names the option, and the file and line.",
	  "Correct the configuration, check it with trawld --check-config, reload again." },
	[KIND_RELOAD_GIVEN_UP] = { "reload-given-up", LOG_LEVEL_ERROR, "786c6cd04e8849e5b6b7d6fd1ed51811",
	  "A process does not start with the new configuration",
	  "What a reload started ended at once or too often. Processes that were replaced already "
	  "go back to the old configuration.",
	  "The lines of that process tell why it ended. Correct it, reload again." },
	[KIND_RELOAD_UNDONE] = { "reload-undone", LOG_LEVEL_ERROR, "aa27205b1e924a4aae10ebae4e7e403c",
	  "The old configuration is in use again",
	  "After a reload that was given up every process has the old configuration.",
	  "See the line that says why it was given up." },
	[KIND_LISTENER_GIVEN] = { "listener-given", LOG_LEVEL_WARNING, "578f764f076e4b3c826fbb4a351544c1",
	  "PORT and BIND_ADDRESS are not used",
	  "The listening socket is systemd's (trawld.socket), so the address is what that unit "
	  "says.",
	  "Change ListenStream= of trawld.socket, or take PORT and BIND_ADDRESS out of the "
	  "configuration." },
	[KIND_KEEPER_SILENT] = { "keeper-silent", LOG_LEVEL_WARNING, "6ec02083af6348e8981d1ebf34b6838b",
	  "The keeper does not answer",
	  "The keeper has given no sign of life, so the watchdog of systemd is not told that all is "
	  "well; if that lasts, systemd starts trawld again. A disk that does not answer is the "
	  "usual cause.",
	  "Look at the disk of DATA_DIR (kernel log, iostat)." },
	/* starts that fail: each ends its process with the status named */
	[KIND_CONFIG_INVALID] = { "config-invalid", LOG_LEVEL_ERROR, "3e9e58cfa2c341dbb4525f392a9afea7",
	  "The configuration is wrong",
	  "trawld ended with status 78, or a process did and all others with it. The line names the "
	  "option, and the file and line.",
	  "Correct it, check with trawld --check-config, start again." },
	[KIND_DATA_DIR_UNUSABLE] = { "data-dir-unusable", LOG_LEVEL_ERROR, "190bc833ac2945eabb074c31ac43db86",
	  "DATA_DIR cannot be used",
	  "A directory or the socket below DATA_DIR cannot be made, opened or written; trawld ended "
	  "with status 73.",
	  "Look at owner, mode, free space and mount of the path that the line names." },
	[KIND_DATA_DIR_HELD] = { "data-dir-held", LOG_LEVEL_ERROR, "c5c1d492a1ff4122b224885866649f63",
	  "Another trawld holds DATA_DIR",
	  "The lock of DATA_DIR is held by a process of another set; trawld ended with status 75 "
	  "and did nothing.",
	  "Stop the other trawld (the line names its process), or give this one a DATA_DIR of its "
	  "own." },
	[KIND_ADDRESS_UNUSABLE] = { "address-unusable", LOG_LEVEL_ERROR, "07a7eacc582b41b897fbae20e6e0c921",
	  "The address of the API cannot be had",
	  "BIND_ADDRESS and PORT are taken by another program or are not this machine's; trawld "
	  "ended with status 69.",
	  "Stop the other program (ss -ltnp) or change PORT or BIND_ADDRESS." },
	[KIND_PROGRAM_MISSING] = { "program-missing", LOG_LEVEL_ERROR, "b3eb0f15e0e0403aad666d3af28527e8",
	  "A program of trawld is missing",
	  "The programs that trawld starts are not where they were installed; it ended with status "
	  "1.",
	  "Install trawld again." },
	[KIND_VERSION_MIXED] = { "version-mixed", LOG_LEVEL_ERROR, "53ae473da1be486893ba1a79cf2bf05d",
	  "Programs of two versions run side by side",
	  "A process found that its parent or the keeper is of another version, and ended with "
	  "status 70: the package was upgraded underneath. trawld then ends with status 75, so that "
	  "systemd starts the new version.",
	  "Restart trawld, if nothing does it by itself. If it comes again, install the package "
	  "again." },
	[KIND_START_FAILED] = { "start-failed", LOG_LEVEL_ERROR, "0226c6f6271849fb8a6186c42b3e4f99",
	  "A process could not set itself up",
	  "The system refused something that every process needs (a socket, a timer, a signal); it "
	  "ended with status 1.",
	  "The line names what was refused. Look for limits on descriptors, processes or memory." },
	[KIND_STORE_NEWER] = { "store-newer", LOG_LEVEL_ERROR, "5dfdd8ea1b5347ff955df490db27097a",
	  "The job store is of another version",
	  "trawld.db was written by a newer trawld or by another program; the keeper ended with "
	  "status 78 and changed nothing.",
	  "Install the newer version again, or put back the copy of the store that was made before "
	  "the upgrade." },
	[KIND_STORE_DAMAGED] = { "store-damaged", LOG_LEVEL_ERROR, "ef150baf544f4e29ad622fc655a73c49",
	  "The job store is damaged",
	  "SQLite cannot read trawld.db; the keeper ended with status 78 and changed nothing.",
	  "Copy DATA_DIR aside first. Then put back a backup, or let sqlite3 recover what it can "
	  "(.recover)." },
	[KIND_STORE_UNOPENED] = { "store-unopened", LOG_LEVEL_ERROR, "f3b919ed293a4e1aacc25d872bc6deac",
	  "The job store cannot be opened",
	  "trawld.db cannot be opened or written: status 73 when it is a matter of rights, else 1 "
	  "and another try.",
	  "Look at owner and mode of trawld.db and its directory, and at the disk." },
	[KIND_STORE_FAILED] = { "store-failed", LOG_LEVEL_ERROR, "c8e3d5864bd64dd3bd56878d12566104",
	  "The job store failed",
	  "A read or write of trawld.db failed, so what is on disk is not known for sure; the "
	  "keeper ended with status 1 and the next one reads it. What was acknowledged stays.",
	  "Look at free space and at the disk of DATA_DIR." },
	[KIND_STORE_MIGRATED] = { "store-migrated", LOG_LEVEL_INFO, "1a903e4cac1b4b22ba1b193d7a92d4d4",
	  "The job store was brought to this version's schema",
	  "The first start after an upgrade. A copy of the store as it was before is kept below "
	  "DATA_DIR/backup; the line names it.",
	  "Remove the copy when there is no way back to the older trawld any more." },
	[KIND_LEASES_USED_UP] = { "leases-used-up", LOG_LEVEL_ERROR, "6009379eb6af49658b966200c95652fa",
	  "The keeper hands over to a new one",
	  "The keeper has given out every number of its life and ended with status 1; the next one "
	  "goes on.",
	  "Nothing." },
	/* processes and what they say to each other */
	[KIND_CHILD_RESTARTING] = { "child-restarting", LOG_LEVEL_INFO, "e4e998fd4bb349dd8ffafc28f5518e68",
	  "A process is started again after a pause",
	  "It ended too soon, so there is a pause before the next start, which grows to 10 s.",
	  "See the line of its end." },
	[KIND_CHILD_UNSTARTED] = { "child-unstarted", LOG_LEVEL_ERROR, "a133460c0a9a4cd181f8ddc23a5c7e34",
	  "A process cannot be started",
	  "The system refused to start it; it is tried again after a pause.",
	  "Look for limits on processes, memory and descriptors." },
	[KIND_CHILD_STOPPED] = { "child-stopped", LOG_LEVEL_INFO, "7e056c988dcd421ebaf9820b8776375a",
	  "A process has ended as asked",
	  "At a stop, a reload, or because it was replaced.",
	  "" },
	[KIND_CHILD_DIED] = { "child-died", LOG_LEVEL_WARNING, "0f519042b5db445bb3e5c5d7a553d157",
	  "A process ended by itself",
	  "It is started again and its work goes on; callers wait meanwhile. The line names the "
	  "status or the signal; status 1 has a line of its own before it.",
	  "Nothing, if it was you or a lack of memory. If it comes again, report it with the lines "
	  "before." },
	[KIND_CHILD_KILLED] = { "child-killed", LOG_LEVEL_WARNING, "eb52cb0e51104eaba54738187c5515ff",
	  "A process is killed by trawld",
	  "It was not ready or did not leave in time, did not move for a minute, or overran the "
	  "time of its task; the line tells which. It is started again.",
	  "If it comes again, look at the machine's load and disk." },
	[KIND_CHILD_UNCONNECTED] = { "child-unconnected", LOG_LEVEL_ERROR, "e568e84f08de488e9a9a615a8d20b26a",
	  "A process cannot be connected to the keeper",
	  "The system refused a socket pair, so the process is killed and started again.",
	  "Look for a limit on descriptors." },
	[KIND_CHILD_OVERSTEPPED] = { "child-overstepped", LOG_LEVEL_WARNING, "562146fd8fd14e1fb2ef78b5809247a1",
	  "A process said what it may not say",
	  "What it asked for was not done.",
	  "Report it with the lines around it." },
	[KIND_PARENT_UNREACHED] = { "parent-unreached", LOG_LEVEL_ERROR, "4785dd17800344f69496fcd599652548",
	  "A process cannot tell its parent something",
	  "The control socket took no more. A process that cannot say that it is ready is killed "
	  "after a while and started again.",
	  "If it comes again, report it with the lines around it." },
	[KIND_PARENT_UNCLEAR] = { "parent-unclear", LOG_LEVEL_WARNING, "0576dfb0fb11456ea6e1f8b46356d195",
	  "A process does not understand its parent",
	  "What trawld sent was left out.",
	  "Restart trawld: programs of two versions may run side by side." },
	[KIND_PEER_REFUSED] = { "peer-refused", LOG_LEVEL_WARNING, "7c7e77b832754e0aaa6d3d44ecc81587",
	  "A connection between processes was closed: bad message",
	  "Nothing of the bad message was acted on. The process is connected again, or started "
	  "again.",
	  "Report it with the lines around it." },
	[KIND_PEER_SLOW] = { "peer-slow", LOG_LEVEL_WARNING, "55c8bf60032c44c5a87a709b083d639a",
	  "A connection between processes was closed: not read",
	  "The process at its far end does not read what it is sent. It is connected again, or "
	  "started again.",
	  "Look whether that process hangs (its disk, its state in ps)." },
	[KIND_KEEPER_GONE] = { "keeper-gone", LOG_LEVEL_INFO, "687ad7b3319c41cfa459826877ea0f2b",
	  "The keeper is gone",
	  "This process has lost its connection to the keeper. Requests wait, and work that can be "
	  "repeated is dropped, until the next keeper is there.",
	  "See the line of the keeper's end." },
	[KIND_KEEPER_BACK] = { "keeper-back", LOG_LEVEL_INFO, "ac4d26126a754bb9b64dd0c6ca2c6c0c",
	  "The keeper is there again",
	  "Requests that waited are asked of it.",
	  "" },
	[KIND_KEEPER_MISSED] = { "keeper-missed", LOG_LEVEL_ERROR, "87d0abc4d0454269862efb9d72fb4738",
	  "A front was left without a keeper",
	  "No keeper was given to it for too long; it ended with status 1 and is started again.",
	  "See why the keeper does not start." },
	[KIND_FRONT_DRAINING] = { "front-draining", LOG_LEVEL_INFO, "be11865e34574cf08417c5859beee9b3",
	  "A front answers what is open and then leaves",
	  "At a stop or a reload.",
	  "" },
	[KIND_FRONT_DRAINED] = { "front-drained", LOG_LEVEL_INFO, "13c147985d684032a1bffde468fb25fd",
	  "A front has answered all it had",
	  "It leaves now.",
	  "" },
	[KIND_ACCEPT_PAUSED] = { "accept-paused", LOG_LEVEL_WARNING, "2d596ca962aa4a99ae14051d1dea2d35",
	  "No connection can be accepted for a moment",
	  "The process has no descriptor or memory for one more; those that come wait in the queue "
	  "of the socket.",
	  "Raise LimitNOFILE= of the unit, or find the client that keeps connections open." },
	[KIND_REQUEST_UNCLEAR] = { "request-unclear", LOG_LEVEL_ERROR, "14de3ac32b8f4d92b1d6010a203e9610",
	  "A request could be read in two ways",
	  "The two checks of an HTTP request do not agree where it ends, which is how requests are "
	  "smuggled. It was answered with 400 and the connection closed.",
	  "Look which client sent it. Report it." },
	[KIND_REQUEST_UNCHECKED] = { "request-unchecked", LOG_LEVEL_WARNING, "f50776b9100e4b0cadc55f4fe6c5049d",
	  "The keeper refused what a front let pass",
	  "A front sent a request that it should have refused; nothing was started and its client "
	  "got an error.",
	  "Report it with the line." },
	[KIND_CLOCK_SET] = { "clock-set", LOG_LEVEL_WARNING, "97dc341391384ca4be1e56de0f6ef872",
	  "The clock was set",
	  "The wall clock was moved; due times and deadlines were moved with it.",
	  "Nothing, if you did it. Otherwise look at the time service." },
	/* a crawl's life: one line a change of state */
	[KIND_CRAWL_ACCEPTED] = { "crawl-accepted", LOG_LEVEL_INFO, "6ed70541a1574edaa9234b0abc0f7bfe",
	  "A crawl is accepted",
	  "It is on disk when its client is answered. request= is the request that asked for it.",
	  "" },
	[KIND_CRAWL_TRIGGERING] = { "crawl-triggering", LOG_LEVEL_INFO, "aae644550578471491e16c053e639323",
	  "A crawl's job is asked of the provider",
	  "The intent is on disk before the call leaves.",
	  "" },
	[KIND_CRAWL_RECONCILING] = { "crawl-reconciling", LOG_LEVEL_INFO, "16c204c62e9449589495d68ac14c19f3",
	  "A crawl's job is searched for at the provider",
	  "The outcome of its trigger is not known, so the provider's list is searched before "
	  "anything is asked again.",
	  "Nothing: it is settled within minutes." },
	[KIND_CRAWL_POLLING] = { "crawl-polling", LOG_LEVEL_INFO, "82e77e745457484e95be6758490b9f5a",
	  "A crawl's job runs at the provider",
	  "The snapshot's id is known from here on.",
	  "" },
	[KIND_CRAWL_READY] = { "crawl-ready", LOG_LEVEL_INFO, "75719b0674dc49bc8390c77d439bc982",
	  "A crawl's snapshot is ready at the provider",
	  "It is downloaded next.",
	  "" },
	[KIND_CRAWL_DOWNLOADING] = { "crawl-downloading", LOG_LEVEL_INFO, "0310d9f965d9416d815e37fe19f032f8",
	  "A crawl's snapshot is being downloaded",
	  "Into the spool, while it is checked and counted.",
	  "" },
	[KIND_CRAWL_STORING] = { "crawl-storing", LOG_LEVEL_INFO, "592129376c5f4303879ce39f089997b9",
	  "A crawl's snapshot is being stored",
	  "It is whole in the spool and moves to its place.",
	  "" },
	[KIND_CRAWL_COMPLETED] = { "crawl-completed", LOG_LEVEL_INFO, "e0653c064e204c2d90e212f761299ea7",
	  "A crawl is completed",
	  "The object is in its place; its event follows.",
	  "" },
	[KIND_CRAWL_FAILED] = { "crawl-failed", LOG_LEVEL_ERROR, "aea7b0098dfb49ef8f4cfc00a73d6d99",
	  "A crawl has failed",
	  "It has ended; its event follows. The line names the error code and what was said, the "
	  "status of the crawl also what to do.",
	  "Do what the recovery_suggestion of the crawl's status says." },
	[KIND_CRAWL_CANCELED] = { "crawl-canceled", LOG_LEVEL_INFO, "4709ea8cff4a43ec8b03a3c8c294cf7e",
	  "A crawl is canceled",
	  "On request, or because the provider says so.",
	  "" },
	[KIND_CRAWL_CANCEL_ASKED] = { "crawl-cancel-asked", LOG_LEVEL_INFO, "c90c169dfd0e468cabb265a40888725d",
	  "A crawl is to be canceled",
	  "Noted; it is done as soon as the call that is under way has ended.",
	  "" },
	[KIND_CRAWL_DOWNLOAD_ASKED] = { "crawl-download-asked", LOG_LEVEL_INFO, "594d2c67f16443e5a3837f35006a2d1c",
	  "A crawl's download was asked for by hand",
	  "By a call of the download endpoint.",
	  "" },
	[KIND_TRIGGER_ANSWER_LATE] = { "trigger-answer-late", LOG_LEVEL_INFO, "2eef0bd707614e50a0112af5f755bc76",
	  "The answer to a trigger came late",
	  "After the connection or the keeper it was for had gone; it was still of use.",
	  "" },
	[KIND_JOB_UNCLAIMED] = { "job-unclaimed", LOG_LEVEL_WARNING, "3569be572e534c1b9d9a40e2c4efc487",
	  "A job at the provider belongs to no crawl",
	  "The provider has a job, which is paid for, that no crawl will fetch: it came to be known "
	  "too late, or more than one job has the input of one crawl.",
	  "Fetch or delete it in the provider's console; the line names it." },
	/* leases */
	[KIND_LEASE_LOST] = { "lease-lost", LOG_LEVEL_WARNING, "05301bee26f1411fa9ddcf666ed74006",
	  "A poller was lost over a crawl",
	  "Its process or connection ended during the step that the line names. The step is done "
	  "again; after three such losses in a row the crawl fails with WORKER_CRASHED.",
	  "See the line of the poller's end." },
	[KIND_LEASE_OVERRUN] = { "lease-overrun", LOG_LEVEL_WARNING, "e15b35119dc945fea8fe2325d9e5c69a",
	  "A poller overran its time and is killed",
	  "Nothing came of its task for so long that it must hang. The step is done again by "
	  "another.",
	  "If it comes again, look at the machine's load, disk and network." },
	/* what the provider says */
	[KIND_PROVIDER_LIMIT] = { "provider-limit", LOG_LEVEL_WARNING, "9591d1f5cd9848748ad81dbec6f00f86",
	  "The provider wants fewer calls",
	  "It answered 429, so no call is made for the time that the line names. Crawls wait and "
	  "are not lost.",
	  "If it lasts, lower the rate: a longer BACKGROUND_POLL_INTERVAL, fewer crawls at a time." },
	[KIND_PROVIDER_TROUBLE] = { "provider-trouble", LOG_LEVEL_WARNING, "2988987221454be99e992bda57035ed0",
	  "The provider refuses calls as such",
	  "It refuses the key or limits the calls: all crawls are affected. Told once a minute at "
	  "most.",
	  "When the key is refused, see provider-key-refused." },
	[KIND_PROVIDER_KEY_REFUSED] = { "provider-key-refused", LOG_LEVEL_ERROR, "9e2283da6d0e4814ad9a55872fe23624",
	  "The provider refuses the key or the account",
	  "Crawls that have a job wait and ask again every 5 minutes; those about to be triggered "
	  "fail.",
	  "Put a valid key in place (BRIGHTDATA_API_KEY or its file) and reload; look at the "
	  "account's balance in the provider's console." },
	[KIND_PROVIDER_CANCELED] = { "provider-canceled", LOG_LEVEL_INFO, "018bc0d04f554edaa6ce4f047b170488",
	  "The provider says that a job is canceled",
	  "On our request, or by somebody in the provider's console.",
	  "" },
	[KIND_PROVIDER_WORD_NEW] = { "provider-word-new", LOG_LEVEL_WARNING, "c9b02c3a1e8b41f399cbe8a144160b46",
	  "The provider uses a status word not known here",
	  "It is taken as running. Told once per word and process.",
	  "Report the word." },
	[KIND_CALL_RETRIED] = { "call-retried", LOG_LEVEL_WARNING, "ff8f7941eabd4c2886ec7c1dec6d04b5",
	  "A call or a file operation failed for now",
	  "It is tried again with growing pauses, within limits; told once a second at most.",
	  "Nothing, unless it lasts: then look at the network, the provider's status page or the "
	  "disk, whichever the line names." },
	[KIND_CALL_LIMITED] = { "call-limited", LOG_LEVEL_WARNING, "523a2d3321514e648b2f457589fa3025",
	  "A call was held by the provider's rate limit",
	  "It is made again when calls are let through.",
	  "See provider-limit." },
	[KIND_CALL_HELD] = { "call-held", LOG_LEVEL_WARNING, "213e66b69ad64ab6844fae3c27044e13",
	  "A data set has as many running jobs as allowed",
	  "Triggers of that data set wait until a job ends.",
	  "Nothing; or raise the limit at the provider." },
	[KIND_CALL_UNCLEAR] = { "call-unclear", LOG_LEVEL_WARNING, "4169e124c27a42ea9352d2d9f2447dd8",
	  "The outcome of a call is unknown",
	  "The answer was lost or unreadable. A trigger is searched for at the provider before it "
	  "is asked again.",
	  "Nothing: it is settled within minutes." },
	[KIND_CALL_REFUSED] = { "call-refused", LOG_LEVEL_WARNING, "c8ebe0960fd848ae8eb613fe7a8faceb",
	  "A call was refused for good",
	  "The provider or the store refused a step; what follows for the crawl is told by the "
	  "keeper's line.",
	  "See the crawl's next line." },
	[KIND_RECONCILE_LOOKED] = { "reconcile-looked", LOG_LEVEL_INFO, "a323069431db4c92960984b0b8d82fab",
	  "The provider's jobs were compared",
	  "A search for the job of a trigger whose outcome is unknown has ended.",
	  "" },
	/* download and store */
	[KIND_SNAPSHOT_DOWNLOADED] = { "snapshot-downloaded", LOG_LEVEL_INFO, "dbed659e15c4461c870bc2891e61ad27",
	  "A snapshot was downloaded",
	  "Whole, checked and in the spool; with its size, duration and counts.",
	  "" },
	[KIND_SNAPSHOT_FOUND] = { "snapshot-found", LOG_LEVEL_INFO, "e804e4ffc98743dca9fe46e4249049e8",
	  "A snapshot was in the spool already",
	  "Downloaded before a restart; it was read again and not fetched twice.",
	  "" },
	[KIND_SPOOL_UNSOUND] = { "spool-unsound", LOG_LEVEL_WARNING, "158f8a7421d4450381db4573730cd9c3",
	  "A file in the spool is not what was downloaded",
	  "It is fetched again.",
	  "If it comes again, look at the disk." },
	[KIND_COUNT_DIFFERS] = { "count-differs", LOG_LEVEL_WARNING, "dd73322383ee478a831b6f2bad90e86f",
	  "The snapshot has another number of records than announced",
	  "The provider's progress told another number than the snapshot holds. The snapshot is "
	  "kept as it is.",
	  "Compare in the provider's console if the number matters." },
	/* tasks of a poller */
	[KIND_TASK_UNUSABLE] = { "task-unusable", LOG_LEVEL_ERROR, "e28040a9fc81468cb3b3007b57ab9df9",
	  "A task names no snapshot",
	  "It was given back to the keeper.",
	  "Report it with the lines around it." },
	[KIND_RESULT_DROPPED] = { "result-dropped", LOG_LEVEL_WARNING, "5a21f0fa2df04157a72cf93fb4d259e0",
	  "The result of a trigger was dropped",
	  "Too many waited for a keeper. The keeper will search for the job at the provider.",
	  "See why there is no keeper." },
	[KIND_TRIGGERS_LEFT] = { "triggers-left", LOG_LEVEL_WARNING, "486c27d30e6c48498730baccdea657f3",
	  "A poller leaves while triggers are unanswered",
	  "Their time at a stop was up. The keeper will search for the jobs at the provider.",
	  "Nothing: jobs that were made are found after the next start." },
	/* events */
	[KIND_EVENTS_WAIT] = { "events-wait", LOG_LEVEL_WARNING, "66d237a5989047f59ce6cf1332b530e7",
	  "Events cannot be delivered",
	  "The event log cannot be written; events wait in the job store, in order, and are tried "
	  "again.",
	  "Look at the path and the error that the line names, mostly free space or rights of "
	  "DATA_DIR." },
	[KIND_EVENTS_FLOW] = { "events-flow", LOG_LEVEL_INFO, "fddb6aa070d1476d8143d106496a7971",
	  "Events are delivered again",
	  "What had waited follows in order.",
	  "" },
};

const struct log_kind *
log_kind_at(unsigned i)
{
	static const struct log_kind *const of_base[] = {
		&log_kind_no_memory, &log_kind_library_error, &log_kind_library_warning,
		&log_kind_lines_lost,
	};

	if (i < KIND_COUNT)
		return &log_kinds[i];
	i -= KIND_COUNT;
	return i < countof(of_base) ? of_base[i] : NULL;
}
