"""Blocks that cannot run yet have the ids and pins that exported graphs name, and say what they wait for."""

import re
from typing import Any

import pytest

from activities.blocks.awaited._language_models import DEFAULT_MODEL, MODELS, PROVIDER_BY_MODEL
from activities.blocks.registry import BlockRegistry
from models.blocks import Block, BlockCategory, BlockKind
from models.errors import BlockDisabledError
from tests.architecture.test_blocks import input_pins, output_pins
from tests.unit.blocks.running import run_block

# As in test_blocks.py, also with "_" for the space in a kind; "..." stands for instructions in words of our own.
FACTS = """
SendWebRequestBlock 6595ae1f-b924-42cb-9a41-551a0611c4b4 Standard dynamic OUTPUT
  in  url:string method:string="POST"+ headers:object={}+ json_format:boolean=true+ body:object|null=null+
      files_name:string="file"+ files:array=[]+
  out response:any client_error:any server_error:any error:string
SendAuthenticatedWebRequestBlock fff86bcd-e001-4bad-a7f6-2eae4720c8dc Standard dynamic OUTPUT
  in  url:string method:string="POST"+ headers:object={}+ json_format:boolean=true+ body:object|null=null+
      files_name:string="file"+ files:array=[]+ credentials:object
  out response:any client_error:any server_error:any error:string
ReadRSSFeedBlock 5ebe6768-8e5d-41e3-9134-1c7bd89a8d52 Standard dynamic INPUT
  in  rss_url:string time_period:integer=1440+ polling_rate:integer run_continuously:boolean=true+
  out entry:object entries:array error:string
GetWikipediaSummaryBlock f5b0f5d0-1862-4d61-94be-3ad0fa772760 Standard dynamic SEARCH
  in  topic:string
  out summary:string error:string
GetWeatherInformationBlock f7a8b2c3-6d4e-5f8b-9e7f-6d4e5f8b9e7f Standard dynamic
  in  location:string credentials:object use_celsius:boolean=true+
  out temperature:string humidity:string condition:string error:string
SearchTheWebBlock 87840993-2053-44b7-8da4-187ad4ee518c Standard dynamic SEARCH
  in  credentials:object query:string
  out results:string error:string
ExtractWebsiteContentBlock 436c3984-57fd-4b85-8e9a-459b356883bd Standard dynamic SEARCH
  in  credentials:object url:string raw_content:boolean=false+
  out content:string error:string
TranscribeYoutubeVideoBlock f3a8f7e1-4b1d-4e5f-9f2a-7c3d5a2e6b4c Standard dynamic SOCIAL
  in  youtube_url:string credentials:object
  out video_id:string transcript:string error:string
SendEmailBlock 4335878a-394e-4e67-adf2-919877ff49ae Standard dynamic OUTPUT
  in  to_email:string subject:string body:string config:object credentials:object
  out status:string error:string
AIStructuredResponseGeneratorBlock ed55ac19-356e-4243-a6cb-bc599e9b716f Standard dynamic AI
  in  prompt:string expected_format:object list_result:boolean=false+ model:string="gpt-5.2-2025-12-11"
      force_json_output:boolean=false+ credentials:object sys_prompt:string=""+ conversation_history:array|null=[]+
      retry:integer=3+ prompt_values:object={} max_tokens:integer|null=null+ compress_prompt_to_fit:boolean=true+
      ollama_host:string="localhost:11434"+
  out response:object|array prompt:array error:string
AITextGeneratorBlock 1f292d4a-41a4-4977-9684-7c8d560b9f91 Standard dynamic AI
  in  prompt:string model:string="gpt-5.2-2025-12-11" credentials:object sys_prompt:string=""+ retry:integer=3+
      prompt_values:object={} ollama_host:string="localhost:11434"+ max_tokens:integer|null=null+
  out response:string prompt:array error:string
AITextSummarizerBlock a0a69be1-4528-491c-a85a-a4ab6873e3f0 Standard dynamic AI TEXT
  in  text:string model:string="gpt-5.2-2025-12-11"+ focus:string="general_information"+ style:string="concise"+
      credentials:object max_tokens:integer=4096+ chunk_overlap:integer=100+ ollama_host:string="localhost:11434"+
  out summary:string prompt:array error:string
AIConversationBlock 32a87eab-381e-4dd4-bdb8-4c47151be35a Standard dynamic AI
  in  prompt:string="" messages:array model:string="gpt-5.2-2025-12-11"+ credentials:object
      max_tokens:integer|null=null+ ollama_host:string="localhost:11434"+
  out response:string prompt:array error:string
AIListGeneratorBlock 9c0b0450-d199-458b-a731-072189dd6593 Standard dynamic AI TEXT
  in  focus:string|null=null source_data:string|null=null model:string="gpt-5.2-2025-12-11"+ credentials:object
      max_retries:integer=3+ force_json_output:boolean=false+ max_tokens:integer|null=null+
      ollama_host:string="localhost:11434"+
  out generated_list:array list_item:string prompt:array error:string
AIConditionBlock 553ec5b8-6c45-4299-8d75-b394d05f72ff Standard dynamic AI LOGIC
  in  input_value:any condition:string yes_value:any=null+ no_value:any=null+ model:string="gpt-5.2-2025-12-11"
      credentials:object
  out result:boolean yes_output:any no_output:any error:string
OrchestratorBlock 3b191d9f-356f-482d-8238-ba04b6d18381 AI dynamic AI
  in  prompt:string model:string="gpt-5.2-2025-12-11" credentials:object multiple_tool_calls:boolean=false+
      sys_prompt:string="..."+ conversation_history:array|null=[]+ last_tool_output:any=null+ retry:integer=3+
      prompt_values:object={} max_tokens:integer|null=null+ ollama_host:string="localhost:11434"+
      agent_mode_max_iterations:integer=0+ execution_mode:string="built_in"+ conversation_compaction:boolean=true+
  out tools:any finished:string conversations:array error:string
AutoPilotBlock c069dc6b-c3ed-4c12-b6e5-d47361e64ce6 Standard dynamic AI AGENT
  in  prompt:string system_context:string=""+ transport:string="platform"+ session_id:string=""+
      max_recursion_depth:integer=3+ tools:array=[]+ tools_exclude:boolean=true+ blocks:array=[]+
      blocks_exclude:boolean=true+ dry_run:boolean=false+
  out response:string tool_calls:array conversation_history:string session_id:string token_usage:object error:string
UnrealTextToSpeechBlock 4ff1ff6d-cc40-4caa-ae69-011daa20c378 Standard dynamic AI TEXT MULTIMEDIA
  in  text:string voice_id:string="Sierra"+ credentials:object
  out mp3_url:string error:string
ExecuteCodeBlock 0b02b072-abe7-11ef-8372-fb5d162dd712 Standard dynamic DEVELOPER_TOOLS
  in  credentials:object setup_commands:array=[] variables:object={} code:string="" language:string="python"
      timeout:integer=300+ dispose_sandbox:boolean=true+ template_id:string=""+
  out main_result:object results:array response:string stdout_logs:string stderr_logs:string files:array
      error:string
InstantiateCodeSandboxBlock ff0861c9-1726-4aec-9e5b-bf53f3622112 Standard dynamic DEVELOPER_TOOLS
  in  credentials:object setup_commands:array=[] setup_code:string="" language:string="python" timeout:integer=300+
      template_id:string=""+
  out sandbox_id:string response:string stdout_logs:string stderr_logs:string error:string
ExecuteCodeStepBlock 82b59b8e-ea10-4d57-9161-8b169b0adba6 Standard dynamic DEVELOPER_TOOLS
  in  credentials:object sandbox_id:string step_code:string="" language:string="python"
      dispose_sandbox:boolean=false+ timeout:integer|null=null
  out main_result:object results:array response:string stdout_logs:string stderr_logs:string error:string
SQLQueryBlock 4dc35c0f-4fd8-465e-9616-5a216f1ba2bc Standard dynamic DATA
  in  database_type:string="postgres" host:string port:integer|null=null+ database:string query:string
      read_only:boolean=true+ timeout:integer=30+ max_rows:integer=1000+ credentials:object
  out results:array columns:array row_count:integer truncated:boolean affected_rows:integer error:string
MCPToolBlock a0a4b1c2-d3e4-4f56-a7b8-c9d0e1f2a3b4 MCP_Tool dynamic DEVELOPER_TOOLS
  in  server_url:string credentials:object={}+ selected_tool:string=""+ tool_input_schema:object={}+
      tool_arguments:object={}+
  out result:any error:string
BlockInstallationBlock 45e78db5-03e9-447f-9395-308d712f5f08 Standard dynamic BASIC
  in  code:string
  out success:string error:string
MediaDurationBlock d8b91fd4-da26-42d4-8ecb-8b196c6d84b6 Standard dynamic MULTIMEDIA
  in  media_in:string(file) is_video:boolean=true+
  out duration:number error:string
LoopVideoBlock 8bf9eef6-5451-4213-b265-25306446e94b Standard dynamic MULTIMEDIA
  in  video_in:string(file) duration:number|null=null+ n_loops:integer|null=null+
      output_return_type:string="file_path"+
  out video_out:string error:string
AddAudioToVideoBlock 3503748d-62b6-4425-91d6-725b064af509 Standard dynamic MULTIMEDIA
  in  video_in:string(file) audio_in:string(file) volume:number=1.0+ output_return_type:string="file_path"+
  out video_out:string(file) error:string
GenericWebhookTriggerBlock 8fa8c167-2002-47ce-aba8-97572fc5d387 Webhook_(manual) dynamic INPUT
  in  payload:object={}+ constants:object={}+ secret_token:string|null=null
  out payload:object constants:object error:string
CompassAITriggerBlock 9464a020-ed1d-49e1-990f-7f2ac924a2b7 Webhook_(manual) dynamic HARDWARE
  in  payload:object events:object credentials:object
  out transcription:string error:string
"""

# Block, providers, types, and the pin that tells which provider or host it is.
CREDENTIALS = """
SendAuthenticatedWebRequestBlock http host_scoped url
GetWeatherInformationBlock openweathermap api_key -
SearchTheWebBlock jina api_key -
ExtractWebsiteContentBlock jina api_key -
TranscribeYoutubeVideoBlock webshare_proxy user_password -
SendEmailBlock smtp user_password -
AIStructuredResponseGeneratorBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
AITextGeneratorBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
AITextSummarizerBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
AIConversationBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
AIListGeneratorBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
AIConditionBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
OrchestratorBlock aiml_api,anthropic,groq,ollama,openai,open_router,llama_api,v0 api_key model
UnrealTextToSpeechBlock unreal_speech api_key -
ExecuteCodeBlock e2b api_key -
InstantiateCodeSandboxBlock e2b api_key -
ExecuteCodeStepBlock e2b api_key -
SQLQueryBlock database user_password -
MCPToolBlock mcp oauth2 server_url
CompassAITriggerBlock compass api_key -
"""

LEGACY = {
    "c6731acb-4105-4zp1-bc9b-03d0036h370g": "ReadRSSFeedBlock",
    "a1234567-89ab-cdef-0123-456789abcdef": "SendEmailBlock",
    "h5e7f8g9-1b2c-3d4e-5f6g-7h8i9j0k1l2m": "GetWikipediaSummaryBlock",
    "b2c3d4e5-6f7g-8h9i-0j1k-l2m3n4o5p6q7": "SearchTheWebBlock",
    "a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6": "ExtractWebsiteContentBlock",
    "smart_decision_maker_block": "OrchestratorBlock",
}

REGISTRY = BlockRegistry.built_in()
AWAITED = [block for block in REGISTRY.all() if block.disabled is not None]


def without_instructions(pins: set[str]) -> set[str]:
    return {re.sub(r'^(sys_prompt:string=)"[^"]+"', r'\1"..."', pin) for pin in pins}


@pytest.mark.parametrize("fact", re.split(r"\n(?=\w)", FACTS.strip()), ids=lambda fact: fact.split()[0])
def test_ids_and_pins(fact: str) -> None:
    head, inputs, outputs = re.split(r"\n  (?:in|out) ", fact)
    name, block_id, kind, output, *categories = head.split()
    block = REGISTRY.get(block_id)
    assert block.name() == name
    assert block.kind is BlockKind(kind.replace("_", " "))
    assert block.static_output == (output == "static")
    assert block.categories == tuple(BlockCategory[category] for category in categories)
    assert without_instructions(input_pins(block)) == set(inputs.split())
    assert output_pins(block) == set(outputs.split())


def test_every_awaited_block_has_facts() -> None:
    names = {fact.split()[0] for fact in re.split(r"\n(?=\w)", FACTS.strip())}
    assert {block.name() for block in AWAITED} == names


@pytest.mark.parametrize("fact", CREDENTIALS.strip().splitlines(), ids=lambda fact: fact.split()[0])
def test_credentials(fact: str) -> None:
    name, providers, types, discriminator = fact.split()
    block = next(block for block in AWAITED if block.name() == name)
    schema = block.input_schema()["properties"]["credentials"]
    assert schema["credentials_provider"] == providers.split(",")
    assert schema["credentials_types"] == types.split(",")
    assert schema.get("discriminator", "-") == discriminator
    assert schema["required"] == ["id", "provider", "type"]
    assert ("discriminator_mapping" in schema) == (discriminator == "model")


def test_all_credentials_are_in_the_table() -> None:
    having = {block.name() for block in AWAITED if "credentials" in block.input_schema()["properties"]}
    assert having == {fact.split()[0] for fact in CREDENTIALS.strip().splitlines()}


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        (DEFAULT_MODEL, "openai"),
        ("gpt-4o", "openai"),
        ("o4-mini", "openai"),
        ("claude-opus-4-7", "anthropic"),
        ("llama3", "ollama"),
        ("llama-3.1-8b-instant", "groq"),
        ("google/gemini-2.5-flash", "open_router"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "aiml_api"),
        ("Llama-3.3-70B-Instruct", "llama_api"),
        ("v0-1.5-md", "v0"),
    ],
)
def test_models_name_their_providers(model: str, provider: str) -> None:
    schema = REGISTRY.get("ai_text_generator_block").input_schema()["properties"]
    assert schema["credentials"]["discriminator_mapping"][model] == provider == PROVIDER_BY_MODEL[model]
    assert schema["model"]["enum"] == list(MODELS)
    assert schema["model"]["default"] == DEFAULT_MODEL
    assert model in MODELS


@pytest.mark.parametrize(("key", "name"), LEGACY.items())
def test_legacy_ids(key: str, name: str) -> None:
    assert REGISTRY.get(key).name() == name


@pytest.mark.parametrize("block", AWAITED, ids=lambda block: block.name())
def test_says_what_it_waits_for(block: type[Block[Any]]) -> None:
    assert block.disabled is not None
    assert re.fullmatch(r"it (needs .* does not have yet|would .*)\.", block.disabled)
    assert block.needs_claim()
    with pytest.raises(BlockDisabledError, match=re.escape(block.disabled)):
        block().run(None, None)  # type: ignore[arg-type]


async def test_is_refused_even_with_right_inputs() -> None:
    with pytest.raises(BlockDisabledError, match="HTTP egress client"):
        await run_block(REGISTRY.get("send_web_request_block"), {"url": "https://example.com"})


def test_arguments_of_tools_are_pins_of_their_node() -> None:
    block = REGISTRY.get("mcp_tool_block")
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    assert block.has_input_pin("query", {"tool_input_schema": schema})
    assert block.has_input_pin("tool_arguments", {})
    for tool_input_schema in ({}, None, "query", {"properties": ["query"]}):
        assert not block.has_input_pin("query", {"tool_input_schema": tool_input_schema})


def test_webhooks_name_who_calls() -> None:
    providers = {block.name(): block.webhook_provider for block in AWAITED if block.kind is BlockKind.WEBHOOK_MANUAL}
    assert providers == {"GenericWebhookTriggerBlock": "generic_webhook", "CompassAITriggerBlock": "compass"}
