/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers tell and what becomes of them, for every API, streamed and not:
 * a table of what an endpoint says and what a client gets. Every case is also
 * cut at each of its bytes, and what comes out is put in again.
 */
#include "answering.h"

static const char *const none[] = {NULL};
static const char *const removals[] = {"system_fingerprint", "logprobs",
                                       "top_logprobs", "prompt_logprobs", NULL};

static const struct answer_rule plain = {"orion", "hidden-7", none, false};
static const struct answer_rule strip = {"orion", "hidden-7", removals, true};
static const struct answer_rule remover = {"orion", "hidden-7", removals,
                                           false};
static const struct answer_rule same = {"orion", "orion", NULL, false};

#define UNTOLD                                                                 \
    {                                                                          \
        -1, -1, -1, -1                                                         \
    }

struct answer_case {
    const char *what;
    const struct answer_rule *rule;
    enum route route;
    bool events, asked;
    const char *in;
    const char *out; /* NULL: as `in` */
    struct answer_usage usage;
    uint64_t content;
    const char *finish, *id;
    bool other_model, unfinished;
};

static const struct answer_case cases[] = {
    /* ---- chat ---- */
    {"chat",
     &plain,
     CHAT,
     false,
     false,
     "{\"id\":\"chatcmpl-1\",\"model\":\"orion\",\"choices\":[{\"index\":0,"
     "\"message\":{\"role\":\"assistant\",\"content\":\"h\\u00e9\\n\"},"
     "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
     "\"completion_tokens\":4,\"total_tokens\":7,\"prompt_tokens_details\":"
     "{\"cached_tokens\":2},\"completion_tokens_details\":"
     "{\"reasoning_tokens\":1}}}",
     NULL,
     {3, 4, 2, 1},
     4,
     "stop",
     "chatcmpl-1",
     false,
     false},
    {"chat, spaced, renamed", &plain, CHAT, false, false,
     " {\"model\" : \"hidden-7\" ,\n\"choices\": [ ] }\n",
     " {\"model\" : \"orion\" ,\n\"choices\": [ ] }\n", UNTOLD, 0, "", "",
     false, false},
    {"chat, what a model says", &plain, CHAT, false, false,
     "{\"model\":\"orion\",\"choices\":[{\"message\":{\"content\":[{\"type\":"
     "\"text\",\"text\":\"ab\"}],\"refusal\":\"cd\",\"reasoning_content\":"
     "\"ef\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
     "\"{}\"}},{\"custom\":{\"input\":\"gh\"}}],\"function_call\":{"
     "\"arguments\":{\"model\":\"hidden-7\",\"logprobs\":1}},\"audio\":{"
     "\"transcript\":\"ij\"}}}]}",
     NULL, UNTOLD, 45, "", "", false, false},
    {"chat, tool arguments are not looked into", &strip, CHAT, false, false,
     "{\"model\":\"orion\",\"choices\":[{\"message\":{\"function_call\":{"
     "\"arguments\":{\"model\":\"hidden-7\",\"logprobs\":1}}}}]}",
     NULL, UNTOLD, 33, "", "", false, false},
    {"chat stream, usage asked for",
     &plain,
     CHAT,
     true,
     true,
     "data: {\"id\":\"chatcmpl-2\",\"model\":\"hidden-7\",\"choices\":[{"
     "\"delta\":{\"content\":\"ab\"}}],\"usage\":null}\n\n"
     "data: {\"id\":\"chatcmpl-2\",\"model\":\"hidden-7\",\"choices\":[],"
     "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n"
     "data: [DONE]\n\n",
     "data: {\"id\":\"chatcmpl-2\",\"model\":\"orion\",\"choices\":[{"
     "\"delta\":{\"content\":\"ab\"}}],\"usage\":null}\n\n"
     "data: {\"id\":\"chatcmpl-2\",\"model\":\"orion\",\"choices\":[],"
     "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n"
     "data: [DONE]\n\n",
     {5, 6, -1, -1},
     2,
     "",
     "chatcmpl-2",
     false,
     false},
    {"chat stream, usage not asked for",
     &plain,
     CHAT,
     true,
     false,
     "data: {\"model\":\"orion\",\"choices\":[{\"delta\":{\"content\":\"ab\"},"
     "\"finish_reason\":\"length\"}],\"usage\":null}\n\n"
     "data: {\"model\":\"orion\",\"usage\":{\"prompt_tokens\":1},\"choices\":"
     "[{\"delta\":{\"content\":\"c\"}}]}\n\n"
     "data: {\"model\":\"orion\",\"choices\":[],\"usage\":{\"prompt_tokens\":"
     "5,\"completion_tokens\":6}}\n\n"
     "data: [DONE]\n\n",
     "data: {\"model\":\"orion\",\"choices\":[{\"delta\":{\"content\":\"ab\"},"
     "\"finish_reason\":\"length\"}]}\n\n"
     "data: {\"model\":\"orion\",\"choices\":[{\"delta\":{\"content\":\"c\"}}]"
     "}\n\ndata: [DONE]\n\n",
     {5, 6, -1, -1},
     3,
     "length",
     "",
     false,
     false},
    {"a chunk without choices or usage is passed", &plain, CHAT, true, false,
     "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n"
     "data: {\"choices\":[],\"usage\":null}\n\n",
     "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n"
     "data: {\"choices\":[]}\n\n",
     UNTOLD, 0, "", "", false, true},
    {"chat stream, reasoning stripped", &strip, CHAT, true, false,
     "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\","
     "\"reasoning\":null}}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":null,\"reasoning_content\":"
     "\"hm\"},\"finish_reason\":null}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\",\"content\":\"a\"},"
     "\"logprobs\":null}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"reasoning_details\":[{\"text\":"
     "\"hm\"}]},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
     "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"
     "}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
     "data: [DONE]\n\n",
     UNTOLD, 5, "stop", "", false, false},
    {"chat, reasoning stripped", &strip, CHAT, false, false,
     "{\"choices\":[{\"message\":{\"reasoning\":\"hm\",\"reasoning_details\":["
     "{\"text\":\"hm\"}],\"reasoning_content\":\"hm\"}}]}",
     "{\"choices\":[{\"message\":{}}]}", UNTOLD, 4, "", "", false, false},
    {"members removed first, in the middle, last, alone", &remover, CHAT, false,
     false,
     "{\"logprobs\":1 , \"a\":[{\"logprobs\":1},{\"top_logprobs\":2,"
     "\"logprobs\":{\"x\":[1]}}] ,\"system_fingerprint\":\"f\", \"b\":{"
     "\"c\":1,\"logprobs\":[] , \"prompt_logprobs\":[null]},"
     "\"prompt_logpr\\u006fbs\":7}",
     "{\"a\":[{},{}], \"b\":{\"c\":1}}", UNTOLD, 0, "", "", false, true},
    {"log probabilities in a stream", &remover, CHAT, true, false,
     "data: {\"choices\":[{\"logprobs\":{\"content\":[{\"token\":\"a\","
     "\"top_logprobs\":[]}]},\"delta\":{\"content\":\"a\"}}],"
     "\"system_fingerprint\":\"fp\"}\n\ndata: [DONE]\n\n",
     "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
     "data: [DONE]\n\n",
     UNTOLD, 1, "", "", false, false},
    {"free-form content keeps its names", &remover, CHAT, false, false,
     "{\"metadata\":{\"logprobs\":1,\"model\":\"hidden-7\"},\"x\":{\"tools\":["
     "{\"logprobs\":2}],\"input\":{\"logprobs\":3},\"logprobs\":4}}",
     "{\"metadata\":{\"logprobs\":1,\"model\":\"hidden-7\"},\"x\":{\"tools\":["
     "{\"logprobs\":2}],\"input\":{\"logprobs\":3}}}",
     UNTOLD, 0, "", "", false, false},
    /* ---- completions ---- */
    {"completion",
     &remover,
     COMPLETE,
     false,
     false,
     "{\"id\":\"cmpl-1\",\"model\":\"hidden-7\",\"choices\":[{\"text\":"
     "\"abc\",\"logprobs\":{\"tokens\":[\"abc\"]},\"finish_reason\":\"stop\"}"
     "],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
     "{\"id\":\"cmpl-1\",\"model\":\"orion\",\"choices\":[{\"text\":"
     "\"abc\",\"finish_reason\":\"stop\"}"
     "],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
     {1, 2, -1, -1},
     3,
     "stop",
     "cmpl-1",
     false,
     false},
    {"completion stream",
     &plain,
     COMPLETE,
     true,
     false,
     "data: {\"choices\":[{\"text\":\"a\\ud83d\\ude00\"}],\"usage\":null}\n\n"
     "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n"
     "data: [DONE]\n\n",
     "data: {\"choices\":[{\"text\":\"a\\ud83d\\ude00\"}]}\n\n"
     "data: [DONE]\n\n",
     {1, 2, -1, -1},
     5,
     "",
     "",
     false,
     false},
    /* ---- responses ---- */
    {"response",
     &plain,
     RESPONSES,
     false,
     false,
     "{\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"hidden-7\","
     "\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"
     "\"reasoning\",\"summary\":[{\"text\":\"ab\"}],\"encrypted_content\":"
     "\"cd\"},{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
     "\"text\":\"efg\"},{\"type\":\"refusal\",\"refusal\":\"h\"}]},{\"type\":"
     "\"function_call\",\"arguments\":\"{}\"}],\"tools\":[{\"parameters\":{"
     "\"model\":\"hidden-7\"}}],\"usage\":{\"input_tokens\":8,"
     "\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens\":9,"
     "\"output_tokens_details\":{\"reasoning_tokens\":2}}}",
     "{\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"orion\","
     "\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"
     "\"reasoning\",\"summary\":[{\"text\":\"ab\"}],\"encrypted_content\":"
     "\"cd\"},{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
     "\"text\":\"efg\"},{\"type\":\"refusal\",\"refusal\":\"h\"}]},{\"type\":"
     "\"function_call\",\"arguments\":\"{}\"}],\"tools\":[{\"parameters\":{"
     "\"model\":\"hidden-7\"}}],\"usage\":{\"input_tokens\":8,"
     "\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens\":9,"
     "\"output_tokens_details\":{\"reasoning_tokens\":2}}}",
     {8, 9, 1, 2},
     10,
     "completed",
     "resp_1",
     false,
     false},
    {"response, reasoning stripped", &strip, RESPONSES, false, false,
     "{\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"output\":[{"
     "\"type\":\"reasoning\",\"content\":[{\"text\":\"ab\",\"x\":{\"logprobs\""
     ":1}}],\"summary\":[ ],\"encrypted_content\":\"cd\"},{\"type\":"
     "\"message\",\"content\":[{\"text\":\"e\",\"logprobs\":[]}]}]}",
     "{\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"output\":[{"
     "\"type\":\"reasoning\",\"content\":[],\"summary\":[]},{\"type\":"
     "\"message\",\"content\":[{\"text\":\"e\"}]}]}",
     UNTOLD, 5, "", "", false, false},
    {"response that failed", &plain, RESPONSES, false, false,
     "{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\","
     "\"message\":\"secret\",\"more\":\"secret\"}}",
     "{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\","
     "\"message\":\"The model failed.\"}}",
     UNTOLD, 0, "failed", "", false, false},
    {"response stream",
     &plain,
     RESPONSES,
     true,
     false,
     "event: response.created\ndata: {\"type\":\"response.created\","
     "\"response\":{\"id\":\"resp_2\",\"model\":\"hidden-7\",\"status\":"
     "\"in_progress\",\"usage\":null}}\n\n"
     "event: response.output_text.delta\ndata: {\"type\":"
     "\"response.output_text.delta\",\"delta\":\"abc\",\"logprobs\":[]}\n\n"
     "event: response.function_call_arguments.delta\ndata: {\"type\":"
     "\"response.function_call_arguments.delta\",\"delta\":\"{}\"}\n\n"
     "event: response.output_text.done\ndata: {\"type\":"
     "\"response.output_text.done\",\"text\":\"abc\"}\n\n"
     "event: response.output_item.done\ndata: {\"type\":"
     "\"response.output_item.done\",\"item\":{\"type\":\"message\","
     "\"content\":[{\"text\":\"abc\"}]}}\n\n"
     "event: response.completed\ndata: {\"type\":\"response.completed\","
     "\"response\":{\"id\":\"resp_2\",\"model\":\"hidden-7\",\"status\":"
     "\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"text\":"
     "\"abc\"}]},{\"type\":\"function_call\",\"arguments\":\"{}\"}],"
     "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n",
     "event: response.created\ndata: {\"type\":\"response.created\","
     "\"response\":{\"id\":\"resp_2\",\"model\":\"orion\",\"status\":"
     "\"in_progress\",\"usage\":null}}\n\n"
     "event: response.output_text.delta\ndata: {\"type\":"
     "\"response.output_text.delta\",\"delta\":\"abc\",\"logprobs\":[]}\n\n"
     "event: response.function_call_arguments.delta\ndata: {\"type\":"
     "\"response.function_call_arguments.delta\",\"delta\":\"{}\"}\n\n"
     "event: response.output_text.done\ndata: {\"type\":"
     "\"response.output_text.done\",\"text\":\"abc\"}\n\n"
     "event: response.output_item.done\ndata: {\"type\":"
     "\"response.output_item.done\",\"item\":{\"type\":\"message\","
     "\"content\":[{\"text\":\"abc\"}]}}\n\n"
     "event: response.completed\ndata: {\"type\":\"response.completed\","
     "\"response\":{\"id\":\"resp_2\",\"model\":\"orion\",\"status\":"
     "\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"text\":"
     "\"abc\"}]},{\"type\":\"function_call\",\"arguments\":\"{}\"}],"
     "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n",
     {1, 2, -1, -1},
     5,
     "completed",
     "resp_2",
     false,
     false},
    {"response stream, reasoning stripped", &strip, RESPONSES, true, false,
     "data: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"ab\"}\n\n"
     "data: {\"type\":\"response.reasoning_summary_part.added\",\"part\":{}}"
     "\n\n"
     "data: {\"type\":\"response.content_part.added\",\"part\":{\"type\":"
     "\"reasoning_text\",\"text\":\"ab\"}}\n\n"
     "data: {\"type\":\"response.content_part.added\",\"part\":{\"type\":"
     "\"output_text\",\"text\":\"\"}}\n\n"
     "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":"
     "\"reasoning\",\"summary\":[{\"text\":\"x\"}],\"encrypted_content\":"
     "\"abcdef\"}}\n\n"
     "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":"
     "\"incomplete\",\"output\":[]}}\n\n",
     "data: {\"type\":\"response.content_part.added\",\"part\":{\"type\":"
     "\"output_text\",\"text\":\"\"}}\n\n"
     "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":"
     "\"reasoning\",\"summary\":[]}}\n\n"
     "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":"
     "\"incomplete\",\"output\":[]}}\n\n",
     UNTOLD, 7, "incomplete", "", false, false},
    {"response stream that failed", &plain, RESPONSES, true, false,
     "event: response.failed\ndata: {\"type\":\"response.failed\","
     "\"response\":{\"status\":\"failed\",\"error\":{\"message\":\"secret\","
     "\"code\":\"Secret 5\"}}}\n\n",
     "event: response.failed\ndata: {\"type\":\"response.failed\","
     "\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
     "\"server_error\",\"message\":\"The model failed.\"}}}\n\n",
     UNTOLD, 0, "failed", "", false, false},
    {"a response without deltas counts by its end", &plain, RESPONSES, true,
     false,
     "data: {\"type\":\"response.completed\",\"response\":{\"output\":[{"
     "\"content\":[{\"text\":\"abcd\"}]}]}}\n\n",
     NULL, UNTOLD, 4, "", "", false, false},
    /* ---- messages ---- */
    {"message",
     &plain,
     MESSAGES,
     false,
     false,
     "{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"hidden-7\","
     "\"content\":[{\"type\":\"text\",\"text\":\"ab\"},{\"type\":\"thinking\","
     "\"thinking\":\"cd\",\"signature\":\"ef\"},{\"type\":\"tool_use\","
     "\"input\":{\"model\":\"hidden-7\"}},{\"type\":\"tool_use\",\"input\":{}}"
     "],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,"
     "\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":100,"
     "\"output_tokens\":5}}",
     "{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"orion\","
     "\"content\":[{\"type\":\"text\",\"text\":\"ab\"},{\"type\":\"thinking\","
     "\"thinking\":\"cd\",\"signature\":\"ef\"},{\"type\":\"tool_use\","
     "\"input\":{\"model\":\"hidden-7\"}},{\"type\":\"tool_use\",\"input\":{}}"
     "],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,"
     "\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":100,"
     "\"output_tokens\":5}}",
     {111, 5, 100, -1},
     26,
     "end_turn",
     "msg_1",
     false,
     false},
    {"message, reasoning stripped", &strip, MESSAGES, false, false,
     "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"ab\",\"signature\":"
     "\"cd\"},{\"type\":\"redacted_thinking\",\"data\":\"ef\"},{\"text\":"
     "\"g\"}]}",
     "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
     "\"\"},{\"type\":\"redacted_thinking\",\"data\":\"\"},{\"text\":\"g\"}]}",
     UNTOLD, 7, "", "", false, false},
    {"message stream",
     &plain,
     MESSAGES,
     true,
     false,
     "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
     "\"id\":\"msg_2\",\"model\":\"hidden-7\",\"content\":[],\"stop_reason\":"
     "null,\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":0,"
     "\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n"
     "event: ping\ndata: {\"type\":\"ping\"}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\","
     "\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
     "\"delta\":{\"type\":\"text_delta\",\"text\":\"abc\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
     "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"\"}}"
     "\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
     "\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":7}}\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},"
     "\"usage\":{\"input_tokens\":4,\"output_tokens\":9}}\n\n"
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
     "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
     "\"id\":\"msg_2\",\"model\":\"orion\",\"content\":[],\"stop_reason\":"
     "null,\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":0,"
     "\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n"
     "event: ping\ndata: {\"type\":\"ping\"}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\","
     "\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
     "\"delta\":{\"type\":\"text_delta\",\"text\":\"abc\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
     "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"\"}}"
     "\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
     "\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":7}}\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},"
     "\"usage\":{\"input_tokens\":4,\"output_tokens\":9}}\n\n"
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
     {6, 9, 2, -1},
     5,
     "tool_use",
     "msg_2",
     false,
     false},
    {"message stream, reasoning stripped", &strip, MESSAGES, true, false,
     "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":"
     "\"redacted_thinking\",\"data\":\"abc\"}}\n\n"
     "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
     "\"thinking_delta\",\"thinking\":\"de\"}}\n\n"
     "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
     "\"signature_delta\",\"signature\":\"f\"}}\n\n"
     "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"g\"}}\n\n",
     "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":"
     "\"redacted_thinking\",\"data\":\"\"}}\n\n"
     "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"g\"}}\n\n",
     UNTOLD, 7, "", "", false, true},
    {"count of tokens",
     &plain,
     TOKENS,
     false,
     false,
     "{\"input_tokens\":12}",
     NULL,
     {12, -1, -1, -1},
     0,
     "",
     "",
     false,
     false},
    /* ---- names of models ---- */
    {"escaped names and values", &plain, CHAT, false, false,
     "{\"\\u006dodel\":\"hidde\\u006e-7\"}", "{\"\\u006dodel\":\"orion\"}",
     UNTOLD, 0, "", "", false, false},
    {"the right name, escaped, is right", &plain, CHAT, false, false,
     "{\"model\":\"or\\u0069on\"}", NULL, UNTOLD, 0, "", "", false, false},
    {"another model", &plain, CHAT, false, false, "{\"model\":\"other\"}",
     "{\"model\":\"orion\"}", UNTOLD, 0, "", "", true, false},
    {"no name at all", &plain, CHAT, false, false,
     "{\"model\":{\"x\":[\"other\"]},\"y\":1}", "{\"model\":\"orion\",\"y\":1}",
     UNTOLD, 0, "", "", true, false},
    {"another model in a message", &plain, MESSAGES, true, false,
     "data: {\"type\":\"message_start\",\"message\":{\"model\":null}}\n\n",
     "data: {\"type\":\"message_start\",\"message\":{\"model\":\"orion\"}}\n\n",
     UNTOLD, 0, "", "", true, true},
    {"further down only the endpoint's name is one", &plain, CHAT, false, false,
     "{\"x\":[{\"model\":\"other\"},{\"model\":\"hidden-7\"}]}",
     "{\"x\":[{\"model\":\"other\"},{\"model\":\"orion\"}]}", UNTOLD, 0, "", "",
     false, false},
    {"one name for both", &same, CHAT, false, false,
     "{\"model\":\"orion\",\"x\":{\"model\":\"orion\"},\"logprobs\":1}", NULL,
     UNTOLD, 0, "", "", false, false},
    /* ---- usage that is none ---- */
    {"absurd counts", &plain, CHAT, false, false,
     "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":1.5,"
     "\"prompt_tokens_details\":{\"cached_tokens\":9007199254740993},"
     "\"completion_tokens_details\":{\"reasoning_tokens\":\"3\"}}}",
     NULL, UNTOLD, 0, "", "", false, false},
    {"absurd counts do not undo others",
     &plain,
     MESSAGES,
     true,
     false,
     "data: {\"type\":\"message_start\",\"message\":{\"model\":\"orion\","
     "\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n"
     "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":1e3,"
     "\"output_tokens\":99999999999999999999}}\n\n"
     "data: {\"type\":\"message_delta\",\"usage\":7}\n\n",
     NULL,
     {5, 1, -1, -1},
     0,
     "",
     "",
     false,
     true},
    {"the largest counts do not overflow",
     &plain,
     MESSAGES,
     false,
     false,
     "{\"usage\":{\"input_tokens\":9007199254740992,"
     "\"cache_creation_input_tokens\":9007199254740992,"
     "\"cache_read_input_tokens\":9007199254740992}}",
     NULL,
     {27021597764222976, -1, 9007199254740992, -1},
     0,
     "",
     "",
     false,
     false},
    {"nothing told, and what is no id or reason", &plain, CHAT, false, false,
     "{\"id\":\"a b\",\"usage\":null,\"choices\":[{\"finish_reason\":"
     "\"Stop it\"},{\"finish_reason\":7}]}",
     NULL, UNTOLD, 0, "", "", false, false},
    /* ---- frames ---- */
    {"CR alone", &plain, CHAT, true, false,
     "data: {\"model\":\"hidden-7\"}\r\rdata: [DONE]\r\r",
     "data: {\"model\":\"orion\"}\n\ndata: [DONE]\n\n", UNTOLD, 0, "", "",
     false, false},
    {"CRLF", &plain, RESPONSES, true, false,
     "event: response.x\r\ndata: {\"type\":\"response.x\"}\r\n\r\n\r\n"
     "data: [DONE]\r\n\r\n",
     "event: response.x\ndata: {\"type\":\"response.x\"}\n\ndata: [DONE]\n\n",
     UNTOLD, 0, "", "", false, true},
    {"a byte order mark, no space, other fields", &plain, CHAT, true, false,
     "\xef\xbb\xbf"
     "id: 5\ndata:{\"a\":\"\\u00e9\xc3\xa9\"}\nretry: 9\n: c\nx\n\n",
     "data: {\"a\":\"\\u00e9\xc3\xa9\"}\n\n", UNTOLD, 0, "", "", false, true},
    {"comments", &plain, CHAT, true, false,
     ": secret\n\n:\n: more\r\n\r\n\n\ndata: {\n: inside\ndata: }\n\n: end",
     ":\n\n:\n\n:\n\ndata: { }\n\n", UNTOLD, 0, "", "", false, true},
    {"several lines of data", &plain, CHAT, true, false,
     "data: {\"model\":\ndata: \"hidden-7\",\ndata\ndata:  \"x\":1}\n\n",
     "data: {\"model\": \"orion\",   \"x\":1}\n\n", UNTOLD, 0, "", "", false,
     true},
    {"events that say nothing", &plain, MESSAGES, true, false,
     "event: ping\n\nid: 7\n\nevent:\ndata: {}\n\n", "data: {}\n\n", UNTOLD, 0,
     "", "", false, true},
    {"the end comes without an empty line", &plain, CHAT, true, false,
     "data: {\"a\":1}\n\ndata: [DONE]", "data: {\"a\":1}\n\ndata: [DONE]\n\n",
     UNTOLD, 0, "", "", false, false},
    {"nothing", &plain, CHAT, true, false, "", NULL, UNTOLD, 0, "", "", false,
     true},
};

static struct manner manner_of(const struct answer_case *c)
{
    return (struct manner){c->rule, c->route, c->events, c->asked};
}

static void check(const struct answer_case *c, struct outcome *o)
{
    const char *want = c->out != NULL ? c->out : c->in;

    if (o->error != 0 || !outcome_says(o, want))
        fail_msg("%s: error %d\nwant %s\nhave %s", c->what, o->error, want,
                 outcome_text(o));
    if (memcmp(&o->usage, &c->usage, sizeof(o->usage)) != 0)
        fail_msg("%s: usage %lld %lld %lld %lld", c->what,
                 (long long)o->usage.input, (long long)o->usage.output,
                 (long long)o->usage.cached, (long long)o->usage.reasoning);
    if (o->content != c->content || strcmp(o->finish, c->finish) != 0 ||
        strcmp(o->id, c->id) != 0 || o->other_model != c->other_model ||
        o->finished != (!c->events || !c->unfinished))
        fail_msg("%s: content %llu finish %s id %s other %d finished %d",
                 c->what, (unsigned long long)o->content, o->finish, o->id,
                 o->other_model, o->finished);
}

static void answers_are_read_and_rewritten(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct manner m = manner_of(&cases[i]);
        size_t length = strlen(cases[i].in);
        struct outcome o = outcome_of(&m, cases[i].in, length, length, 1);

        check(&cases[i], &o);
        assert_fixed(&m, &o);
        buf_release(&o.out);
    }
}

static void cuts_make_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct manner m = manner_of(&cases[i]);
        size_t length = strlen(cases[i].in);
        struct outcome o = outcome_of(&m, cases[i].in, length, length, 1);

        assert_same_when_cut(&m, cases[i].in, length, &o);
        buf_release(&o.out);
    }
}

/* ---- what is refused ---- */

#define GOOD "data: {\"model\":\"orion\"}\n\n"

static const struct {
    enum route route;
    bool events;
    const char *in;
    int error;
    const char *out; /* what is still said */
} refused[] = {
    /* in-band errors: nothing of them is passed */
    {CHAT, true, GOOD "data: {\"error\":{\"message\":\"secret\"}}\n\n" GOOD,
     SP_EPERM, GOOD},
    {CHAT, true, "data: {\"error\":\"secret\"}\n\n", SP_EPERM, ""},
    {CHAT, true, "data: {\"object\":\"error\",\"message\":\"secret\"}\n\n",
     SP_EPERM, ""},
    {CHAT, true, "data: {\"\\u0065rror\":{}}\n\n", SP_EPERM, ""},
    {CHAT, true, "data: {\"choices\":[{\"error\":{\"code\":502}}]}\n\n",
     SP_EPERM, ""},
    {CHAT, true, GOOD "event: error\ndata: secret\n\n", SP_EPERM, GOOD},
    {CHAT, true, "event: error\n\n", SP_EPERM, ""},
    {CHAT, false, "{\"error\":{\"message\":\"secret\"}}", SP_EPERM, ""},
    {COMPLETE, true, "data: {\"error\":{}}\n\n", SP_EPERM, ""},
    {COMPLETE, false, "{\"object\":\"error\"}", SP_EPERM, ""},
    {RESPONSES, true, "data: {\"type\":\"error\",\"code\":\"x\"}\n\n", SP_EPERM,
     ""},
    {RESPONSES, true, "event: error\ndata: {\"type\":\"error\"}\n\n", SP_EPERM,
     ""},
    {RESPONSES, true, "data: {\"error\":{\"message\":\"secret\"}}\n\n",
     SP_EPERM, ""},
    {RESPONSES, false, "{\"error\":{\"message\":\"secret\"}}", SP_EPERM, ""},
    {RESPONSES, false, "{\"error\":{},\"status\":\"completed\"}", SP_EPERM, ""},
    {MESSAGES, true,
     "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n", SP_EPERM, ""},
    {MESSAGES, true, "data: {\"type\":\"error\"}\n\n", SP_EPERM, ""},
    {MESSAGES, false, "{\"type\":\"error\",\"error\":{\"message\":\"secret\"}}",
     SP_EPERM, ""},
    {TOKENS, false, "{\"type\":\"error\"}", SP_EPERM, ""},
    /* P10: what two readers could take for two things */
    {CHAT, true, GOOD "data: {\"model\":\"a\",\"model\":\"b\"}\n\n" GOOD,
     SP_EPROTO, GOOD},
    {CHAT, true, GOOD "data: {\"model\":\"a\",\"m\\u006fdel\":\"b\"}\n\n",
     SP_EPROTO, GOOD},
    {CHAT, true, "data: {\"a\":\"\xff\"}\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: {\"a\":\"\\ud800\"}\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: {\"a\":1}x\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: {\"a\":\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: {\"a\":\"x\ndata: y\"}\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: [1]\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: 7\n\n", SP_EPROTO, ""},
    {CHAT, true, "data:\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: [done]\n\n", SP_EPROTO, ""},
    {CHAT, true, "data: [DONE]\ndata:\n\n", SP_EPROTO, ""},
    {CHAT, true, GOOD "data: {\"model\":\"hid", SP_EPROTO, GOOD},
    {CHAT, true, "event: a b\ndata: {}\n\n", SP_EPROTO, ""},
    {CHAT, true, "event: Ping\ndata: {}\n\n", SP_EPROTO, ""},
    {CHAT, true, "event: a\nevent: b\ndata: {}\n\n", SP_EPROTO, ""},
    {CHAT, true, "\xef\xbb" GOOD, SP_EPROTO, ""},
    {MESSAGES, true, "data: [DONE]\n\n", SP_EPROTO, ""},
    {MESSAGES, true, "event: ping\ndata: {\"type\":\"message_stop\"}\n\n",
     SP_EPROTO, ""},
    {MESSAGES, true, "event: ping\ndata: {}\n\n", SP_EPROTO, ""},
    {RESPONSES, true, "event: a\ndata: {\"type\":\"b\"}\n\n", SP_EPROTO, ""},
    {CHAT, false, "", SP_EPROTO, ""},
    {CHAT, false, "[]", SP_EPROTO, ""},
    {CHAT, false, "\"secret\"", SP_EPROTO, ""},
    {CHAT, false, "{\"a\":1", SP_EPROTO, ""},
    {CHAT, false, "{\"a\":1,\"a\":1}", SP_EPROTO, ""},
    {CHAT, false, "{}{}", SP_EPROTO, ""},
    {CHAT, false, "\xef\xbb\xbf{}", SP_EPROTO, ""},
    {CHAT, false, "Internal Server Error", SP_EPROTO, ""},
};

static void P10_what_is_not_right_is_not_passed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct manner m = {&plain, refused[i].route, refused[i].events, true};
        const char *in = refused[i].in;
        struct outcome o = outcome_of(&m, in, strlen(in), strlen(in) + 1, 1);

        if (o.error != refused[i].error || !outcome_says(&o, refused[i].out))
            fail_msg("%s: error %d: %s", in, o.error, outcome_text(&o));
        assert_same_when_cut(&m, in, strlen(in), &o);
        buf_release(&o.out);
    }
}

static void estimates_are_rounded_up(void **state)
{
    struct answer a = {0};

    (void)state;
    assert_int_equal(answer_estimate(&a), 0);
    a.said[SAID_ONCE] = 1;
    assert_int_equal(answer_estimate(&a), 1);
    a.said[SAID_ITEMS] = 4;
    assert_int_equal(answer_estimate(&a), 1);
    a.said[SAID_RESPONSE] = 5;
    assert_int_equal(answer_estimate(&a), 2);
    a.said[SAID_NOTHING] = 100;
    assert_int_equal(answer_estimate(&a), 2);
    answer_release(&a);
}

static void names_that_need_escapes_are_written_so(void **state)
{
    static const struct answer_rule odd = {"a\"b\\\xc3\xa9", "x", none, false};
    struct manner m = {&odd, CHAT, false, true};
    struct outcome o = outcome_of(&m, "{\"model\":\"x\"}", 13, 13, 1);

    (void)state;
    assert_true(outcome_says(&o, "{\"model\":\"a\\\"b\\\\\xc3\xa9\"}"));
    assert_fixed(&m, &o);
    buf_release(&o.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_and_rewritten),
        cmocka_unit_test(cuts_make_no_difference),
        cmocka_unit_test(P10_what_is_not_right_is_not_passed),
        cmocka_unit_test(estimates_are_rounded_up),
        cmocka_unit_test(names_that_need_escapes_are_written_so),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    buf_pool_release();
    return failed;
}
