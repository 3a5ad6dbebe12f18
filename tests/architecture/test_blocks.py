"""Blocks keep the ids and pins that exported graphs name."""

import json
import re
from typing import Any

import pytest

from activities.blocks.registry import BlockRegistry
from models.blocks import Block, BlockCategory, BlockKind

# Name, id, kind, static or dynamic output, categories; pins as name:type(format)=default, with "_" for spaces, and "+"
# where advanced.
FACTS = r"""
AddToListBlock aeb08fc1-2fc1-4141-bc8e-f758f183a822 Standard dynamic BASIC
  in  list:array=[] entry:any=null entries:array=[]+ position:integer|null=null+
  out updated_list:array error:string
AgentInputBlock c0a8e994-ebf1-4a9c-a4d8-89d09c86741b Input static INPUT BASIC
  in  name:string value:any=null+ title:string|null=null+ description:string|null=null+
      advanced:boolean=false+ secret:boolean=false+
  out result:any
AgentNumberInputBlock 96dae2bb-97a2-41c2-bd2f-13a3b5a8ea98 Input static INPUT BASIC
  in  name:string value:integer|null=null title:string|null=null+ description:string|null=null+
      advanced:boolean=false+ secret:boolean=false+
  out result:integer
AgentOutputBlock 363ae599-353e-4804-937e-b2ee3cef3da4 Output static OUTPUT BASIC
  in  value:any=null name:string title:string|null=null+ description:string|null=null+ format:string=""+
      escape_html:boolean=false+ advanced:boolean=false+ secret:boolean=false+
  out output:any name:any
AgentShortTextInputBlock 7fcd3bcb-8e1b-4e69-903d-32d3d4a92158 Input static INPUT BASIC
  in  name:string value:string|null(short-text)=null title:string|null=null+ description:string|null=null+
      advanced:boolean=false+ secret:boolean=false+
  out result:string
CalculatorBlock b1ab9b19-67a6-406d-abf5-2dba76d00c79 Standard dynamic LOGIC
  in  operation:string a:number b:number round_result:boolean=false+
  out result:number error:string
ConditionBlock 715696a0-e1da-45c8-b209-c2fa9c3b0be6 Standard dynamic LOGIC
  in  value1:any operator:string value2:any yes_value:any=null+ no_value:any=null+
  out result:boolean yes_output:any no_output:any error:string
CountItemsBlock 3c9c2f42-b0c3-435f-ba35-05f7a25c772a Standard dynamic LOGIC
  in  collection:any
  out count:integer error:string
CreateDictionaryBlock b924ddf4-de4f-4b56-9a85-358930dcbc91 Standard dynamic DATA
  in  values:object
  out dictionary:object error:string
FillTextTemplateBlock db7d8f02-2f44-4c55-ab7a-eae0941f0c30 Standard dynamic TEXT
  in  values:object format:string escape_html:boolean=false+
  out output:string error:string
FindInDictionaryBlock 0e50422c-6dee-4145-83d6-3a5a392f65de Standard dynamic BASIC
  in  input:any key:string|integer
  out output:any missing:any error:string
NoteBlock cc10ff7b-7753-4ff2-9af6-9399b1a7eddc Note dynamic BASIC
  in  text:string
  out output:string error:string
StepThroughItemsBlock f66a3543-28d3-4ab5-8945-9b336371e2ce Standard dynamic LOGIC
  in  items:array=[] items_object:object={} items_str:string=""
  out item:any key:any error:string
StoreValueBlock 1ff065e9-88e8-4358-9d82-8dc91f622ba9 Standard static BASIC
  in  input:any data:any=null+
  out output:any error:string
LLMCallBlock 39075a8a-ec6d-4375-8d95-1fb754b26b68 AI dynamic AI
  in  prompt:string model:string|null=null max_tokens:integer|null=null+ temperature:number|null=null+
  out response:string error:string
TextInputBlock ea93abc2-ff44-4ec5-b954-1b4ae2cefb4b Input static INPUT BASIC
  in  name:string="text" value:any(short-text)=null title:string|null=null+ description:string|null=null+
      advanced:boolean=false+ secret:boolean=false+
  out result:any
ReverseListOrderBlock 422cb708-3109-4277-bfe3-bc2ae5812777 Standard dynamic BASIC
  in  input_list:array
  out reversed_list:array error:string
AddToDictionaryBlock 31d1064e-7446-4693-a7d4-65e5ca1180d1 Standard dynamic BASIC
  in  dictionary:object={} key:string="" value:any=null entries:object={}+
  out updated_dictionary:object error:string
RemoveFromDictionaryBlock 46afe2ea-c613-43f8-95ff-6692c3ef6876 Standard dynamic BASIC
  in  dictionary:object key:string|integer return_value:boolean=false+
  out updated_dictionary:object removed_value:any error:string
ReplaceDictionaryValueBlock 27e31876-18b6-44f3-ab97-f6226d8b3889 Standard dynamic BASIC
  in  dictionary:object key:string|integer value:any
  out updated_dictionary:object old_value:any error:string
DictionaryIsEmptyBlock a3cf3f64-6bb9-4cc6-9900-608a0b3359b0 Standard dynamic BASIC
  in  dictionary:object
  out is_empty:boolean error:string
CreateListBlock a912d5c7-6e00-4542-b2a9-8034136930e4 Standard dynamic DATA
  in  values:array max_size:integer|null=null+ max_tokens:integer|null=null+
  out list:array error:string
FindInListBlock 5e2c6d0a-1e37-489f-b1d0-8e1812b23333 Standard dynamic BASIC
  in  list:array value:any
  out index:integer found:boolean not_found_value:any error:string
GetListItemBlock 262ca24c-1025-43cf-a578-534e23234e97 Standard dynamic BASIC
  in  list:array index:integer
  out item:any error:string
RemoveFromListBlock d93c5a93-ac7e-41c1-ae5c-ef67e6e9b826 Standard dynamic BASIC
  in  list:array value:any=null+ index:integer|null=null+ return_item:boolean=false+
  out updated_list:array removed_item:any error:string
ReplaceListItemBlock fbf62922-bea1-4a3d-8bac-23587f810b38 Standard dynamic BASIC
  in  list:array index:integer value:any
  out updated_list:array old_item:any error:string
ListIsEmptyBlock 896ed73b-27d0-41be-813c-c1c1dc856c03 Standard dynamic BASIC
  in  list:array
  out is_empty:boolean error:string
ConcatenateListsBlock 3cf9298b-5817-4141-9d80-7c2cc5199c8e Standard dynamic BASIC
  in  lists:array deduplicate:boolean=false+ remove_none:boolean=false+
  out concatenated_list:array length:integer error:string
FlattenListBlock cc45bb0f-d035-4756-96a7-fe3e36254b4d Standard dynamic BASIC
  in  nested_list:array max_depth:integer=-1+
  out flattened_list:array length:integer original_depth:integer error:string
InterleaveListsBlock 9f616084-1d9f-4f8e-bc00-5b9d2a75cd75 Standard dynamic BASIC
  in  lists:array
  out interleaved_list:array length:integer error:string
ZipListsBlock 0d0e684f-5cb9-4c4b-b8d1-47a0860e0c07 Standard dynamic BASIC
  in  lists:array pad_to_longest:boolean=false+ fill_value:any=null+
  out zipped_list:array length:integer error:string
ListDifferenceBlock 05309873-9d61-447e-96b5-b804e2511829 Standard dynamic BASIC
  in  list_a:array list_b:array symmetric:boolean=false+
  out difference:array length:integer error:string
ListIntersectionBlock b6eb08b6-dbe3-411b-b9b4-2508cb311a1f Standard dynamic BASIC
  in  list_a:array list_b:array
  out intersection:array length:integer error:string
IfInputMatchesBlock 6dbbc4b3-ca6c-42b6-b508-da52d23e13f2 Standard dynamic LOGIC
  in  input:any value:any yes_value:any=null+ no_value:any=null+
  out result:boolean yes_output:any no_output:any error:string
ListIteratorBlock f8e7d6c5-b4a3-2c1d-0e9f-8g7h6i5j4k3l Standard dynamic LOGIC
  in  items:array
  out item:array
DataSamplingBlock 4a448883-71fa-49cf-91cf-70d793bd7d87 Standard dynamic LOGIC
  in  data:object|array sample_size:integer=10+ sampling_method:string="random"+ accumulate:boolean=false+
      random_seed:integer|null=null+ stratify_key:string|null=null+ weight_key:string|null=null+
      cluster_key:string|null=null+
  out sampled_data:array sample_indices:array error:string
AgentDateInputBlock 7e198b09-4994-47db-8b4d-952d98241817 Input static INPUT BASIC
  in  name:string value:string|null=null title:string|null=null+ description:string|null=null+ advanced:boolean=false+
      secret:boolean=false+
  out result:string(date)
AgentDropdownInputBlock 655d6fdf-a334-421c-b733-520549c07cd1 Input static INPUT BASIC
  in  name:string value:string|null=null title:string|null=null+ description:string|null=null+ advanced:boolean=false+
      secret:boolean=false+ options:array=[]
  out result:string
AgentFileInputBlock 95ead23f-8283-4654-aef3-10c053b74a31 Input static INPUT BASIC
  in  name:string value:string|null(file)=null title:string|null=null+ description:string|null=null+
      advanced:boolean=false+ secret:boolean=false+ base_64:boolean=false+
  out result:string
AgentGoogleDriveFileInputBlock d3b32f15-6fd7-40e3-be52-e083f51b19a2 Input static INPUT BASIC
  in  name:string value:object|null=null title:string|null=null+ description:string|null=null+ advanced:boolean=false+
      secret:boolean=false+ allowed_views:array=["DOCS","SPREADSHEETS","PRESENTATIONS"]
      allow_folder_selection:boolean=false+
  out result:object
AgentLongTextInputBlock 90a56ffb-7024-4b2b-ab50-e26c5e5ab8ba Input static INPUT BASIC
  in  name:string value:string|null(long-text)=null title:string|null=null+ description:string|null=null+
      advanced:boolean=false+ secret:boolean=false+
  out result:string
AgentTableInputBlock 5603b273-f41e-4020-af7d-fbc9c6a8d928 Input static INPUT BASIC
  in  name:string value:array|null=null title:string|null=null+ description:string|null=null+ advanced:boolean=false+
      secret:boolean=false+ column_headers:array=["Column_1","Column_2","Column_3"]
  out result:array
AgentTimeInputBlock 2a1c757e-86cf-4c7e-aacf-060dc382e434 Input static INPUT BASIC
  in  name:string value:string|null=null title:string|null=null+ description:string|null=null+ advanced:boolean=false+
      secret:boolean=false+
  out result:string(time)
AgentToggleInputBlock cbf36ab5-df4a-43b6-8a7f-f7ed8652116e Input static INPUT BASIC
  in  name:string value:boolean=false title:string|null=null+ description:string|null=null+ advanced:boolean=false+
      secret:boolean=false+
  out result:boolean
CodeExtractionBlock d3a7d896-3b78-4f44-8b4b-48fbf4f0bcd8 Standard dynamic TEXT
  in  text:string
  out html:string css:string javascript:string python:string sql:string java:string cpp:string csharp:string
      json_code:string bash:string php:string ruby:string yaml:string markdown:string typescript:string xml:string
      remaining_text:string error:string
CombineTextsBlock e30a4d42-7b7d-4e6a-b36e-1f9b8e3b7d85 Standard dynamic TEXT
  in  input:array delimiter:string=""+
  out output:string error:string
ExtractTextInformationBlock 3146e4fe-2cdd-4f29-bd12-0c9d5bb4deb0 Standard dynamic TEXT
  in  text:any pattern:string group:integer=0+ case_sensitive:boolean=true+ dot_all:boolean=true+
      find_all:boolean=false+
  out positive:string negative:string matched_results:array matched_count:integer error:string
FileReadBlock 3735a31f-7e18-4aca-9e90-08a7120674bc Standard dynamic TEXT DATA
  in  file_input:string(file) delimiter:string=""+ size_limit:integer=0+ row_limit:integer=0+ skip_size:integer=0+
      skip_rows:integer=0+
  out content:string error:string
FileStoreBlock cbb50872-625b-42f0-8203-a2ae78242d8a Standard static BASIC MULTIMEDIA
  in  file_in:string(file) base_64:boolean=false+
  out file_out:string(file) error:string
GetCurrentDateBlock b29c1b50-5d0e-4d9f-8f9d-1b0e6fcbf0b1 Standard dynamic TEXT
  in  trigger:string offset:integer|string=0+
      format_type:any={"timezone":"UTC","use_user_timezone":false,"discriminator":"strftime","format":"%Y-%m-%d"}+
  out date:string error:string
GetCurrentDateAndTimeBlock 716a67b3-6760-42e7-86dc-18645c6e00fc Standard dynamic TEXT
  in  trigger:string
      format_type:any={"timezone":"UTC","use_user_timezone":false,"discriminator":"strftime","format":"%Y-%m-%d_%H:%M:%S"}+
  out date_time:string error:string
GetCurrentTimeBlock a892b8d9-3e4e-4e9c-9c1e-75f8efcf1bfa Standard dynamic TEXT
  in  trigger:string
      format_type:any={"timezone":"UTC","use_user_timezone":false,"discriminator":"strftime","format":"%H:%M:%S"}+
  out time:string error:string
JSONDecoderBlock 2b935639-65bc-48fd-9f88-823cd706fcd9 Standard dynamic DATA
  in  json_str:string
  out data:any error:string
JSONEncoderBlock 9a9d20c5-5b4d-4e94-8022-83b6cb72648a Standard dynamic DATA
  in  data:any
  out json_str:string error:string
MatchTextPatternBlock 3060088f-6ed9-4928-9ba7-9c92823a7ccd Standard dynamic TEXT
  in  text:any match:string data:any=null+ case_sensitive:boolean=true+ dot_all:boolean=true+
  out positive:any negative:any error:string
PersistInformationBlock 1d055e55-a2b9-4547-8311-907d05b0304d Standard dynamic DATA
  in  key:string value:any scope:string="within_agent"+
  out value:any error:string
PrintToConsoleBlock f3b1c1b2-4c4f-4f0d-8d2f-4c4f0d8d2f4c Standard dynamic BASIC
  in  text:any
  out output:any status:string error:string
ReadSpreadsheetBlock acf7625e-d2cb-4941-bfeb-2819fc6fc015 Standard dynamic TEXT DATA
  in  contents:string|null=null file_input:string|null(file)=null delimiter:string=","+ quotechar:string="\""+
      escapechar:string="\\"+ has_header:boolean=true+ skip_rows:integer=0+ strip:boolean=true+ skip_columns:array=[]+
      produce_singular_result:boolean=false+
  out row:object rows:array error:string
RetrieveInformationBlock d8710fc9-6e29-481e-a7d5-165eb16f8471 Standard static DATA
  in  key:string scope:string="within_agent"+ default_value:any=null+
  out value:any error:string
TextDecoderBlock 2570e8fe-8447-43ed-84c7-70d657923231 Standard dynamic TEXT
  in  text:string
  out decoded_text:string error:string
TextEncoderBlock 5185f32e-4b65-4ecf-8fbb-873f003f09d6 Standard dynamic TEXT
  in  text:string
  out encoded_text:string error:string
TextReplaceBlock 7e7c87ab-3469-4bcc-9abe-67705091b713 Standard dynamic TEXT
  in  text:string old:string new:string
  out output:string error:string
TextSplitBlock d5ea33c8-a575-477a-b42f-2fe3be5055ec Standard dynamic TEXT
  in  text:string delimiter:string strip:boolean=true+
  out texts:array error:string
UniversalTypeConverterBlock 95d1b990-ce13-4d88-9737-ba5c2070c97b Standard dynamic BASIC
  in  value:any type:string
  out value:any error:string
WordCharacterCountBlock ab2a782d-22cf-4587-8a70-55b59b3f9f90 Standard dynamic TEXT
  in  text:string
  out word_count:integer character_count:integer error:string
XMLParserBlock 286380af-9529-4b55-8be0-1d7c854abdb5 Standard dynamic
  in  input_xml:string
  out parsed_xml:object error:string
CountdownTimerBlock d67a9c52-5e4e-11e2-bcfd-0800200c9a71 Standard dynamic TEXT
  in  input_message:any="timer_finished" seconds:integer|string=0 minutes:integer|string=0 hours:integer|string=0
      days:integer|string=0 repeat:integer=1+
  out output_message:any error:string
HumanInTheLoopBlock 8b2a7b3c-6e9d-4a5f-8c1b-2e3f4a5b6c7d Human_In_The_Loop dynamic BASIC
  in  data:any name:string editable:boolean=true+
  out approved_data:any rejected_data:any review_message:string error:string
AgentExecutorBlock e189baac-8c20-45a1-94a7-55177ea42565 Agent dynamic AGENT
  in  user_id:string graph_id:string graph_version:integer agent_name:string|null=null+ inputs:object
      input_schema:object output_schema:object nodes_input_masks:object|null=null+
  out
WaitUntilBlock d3ce477b-e076-48d0-b934-b2ae9118828c Standard dynamic LOGIC
  in  value:any=null at:string timezone:string|null=null+
  out value:any error:string
WaitForEventBlock 49473e26-7b45-47bd-836a-22566136fee4 Standard dynamic LOGIC
  in  name:string payload_schema:object|null=null+ expires_after_seconds:number|null=null+
  out token:string payload:any expired:boolean error:string
"""


def type_of(schema: dict[str, Any]) -> str:
    types = [option.get("type", "any") for option in schema.get("anyOf", [schema])]
    return "|".join(types) + (f"({schema['format']})" if "format" in schema else "")


def input_pins(block: type[Block[Any]]) -> set[str]:
    schema = block.input_schema()
    required = schema.get("required", [])
    return {
        f"{name}:{type_of(pin)}"
        + ("" if name in required else "=" + json.dumps(pin["default"], separators=(",", ":")).replace(" ", "_"))
        + ("+" if pin["advanced"] else "")
        for name, pin in schema["properties"].items()
    }


def output_pins(block: type[Block[Any]]) -> set[str]:
    return {f"{name}:{type_of(pin)}" for name, pin in block.output_schema()["properties"].items()}


@pytest.mark.parametrize("fact", re.split(r"\n(?=\w)", FACTS.strip()), ids=lambda fact: fact.split()[0])
def test_ids_and_pins(fact: str) -> None:
    head, inputs, outputs = re.split(r"\n  (?:in|out)\b ?", fact)
    name, block_id, kind, output, *categories = head.split()
    block = BlockRegistry.discover().get(block_id)
    assert block.name() == name
    assert block.kind is BlockKind(kind.replace("_", " "))
    assert block.static_output == (output == "static")
    assert block.categories == tuple(BlockCategory[category] for category in categories)
    assert input_pins(block) == set(inputs.split())
    assert output_pins(block) == set(outputs.split())


def test_every_block_has_facts() -> None:
    names = {fact.split()[0] for fact in re.split(r"\n(?=\w)", FACTS.strip())}
    assert {block.name() for block in BlockRegistry.discover().all() if block.disabled is None} == names


@pytest.mark.parametrize("block", BlockRegistry.discover().all(), ids=lambda block: block.name())
def test_schemas_are_plain_and_describe_every_pin(block: type[Block[Any]]) -> None:
    for schema in (block.input_schema(), block.output_schema()):
        assert "$" not in json.dumps(schema).replace("$_", "")
        for pin in schema["properties"].values():
            assert "description" in pin or pin.get("title") == "Default Value"
    assert all("secret" in pin and "advanced" in pin for pin in block.input_schema()["properties"].values())
    assert block.description.endswith(".")
