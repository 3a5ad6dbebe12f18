"""Blocks that make and change audio and video."""

from typing import Literal

from activities.blocks._credentials import credentials_of
from activities.blocks.awaited._declaring import Pins, awaited, missing
from models.blocks import BlockCategory, pin

_MEDIA = missing("tools for audio and video")

_Returned = Literal["file_path", "data_uri"]


def _returned_pin() -> Pins:
    return {"output_return_type": (_Returned, pin("file_path", description="What stands for the video"))}


MediaDurationBlock = awaited(
    __name__,
    "MediaDurationBlock",
    id="d8b91fd4-da26-42d4-8ecb-8b196c6d84b6",
    description="Tells how long an audio or video file plays.",
    categories=(BlockCategory.MULTIMEDIA,),
    disabled=_MEDIA,
    inputs={
        "media_in": (str, pin(format="file", description="The file")),
        "is_video": (bool, pin(True, description="Whether it is a video")),
    },
    outputs={"duration": (float, pin(description="Seconds"))},
)

LoopVideoBlock = awaited(
    __name__,
    "LoopVideoBlock",
    id="8bf9eef6-5451-4213-b265-25306446e94b",
    description="Repeats a video to a length or a number of times.",
    categories=(BlockCategory.MULTIMEDIA,),
    disabled=_MEDIA,
    inputs={
        "video_in": (str, pin(format="file", description="The video")),
        "duration": (float | None, pin(None, ge=0, description="Seconds it is to take")),
        "n_loops": (int | None, pin(None, ge=1, description="How often to repeat it otherwise")),
        **_returned_pin(),
    },
    outputs={"video_out": (str, pin(description="The longer video"))},
)

AddAudioToVideoBlock = awaited(
    __name__,
    "AddAudioToVideoBlock",
    id="3503748d-62b6-4425-91d6-725b064af509",
    description="Gives a video another sound.",
    categories=(BlockCategory.MULTIMEDIA,),
    disabled=_MEDIA,
    inputs={
        "video_in": (str, pin(format="file", description="The video")),
        "audio_in": (str, pin(format="file", description="Its sound")),
        "volume": (float, pin(1.0, description="Loudness, 1 as it is")),
        **_returned_pin(),
    },
    outputs={"video_out": (str, pin(format="file", description="The video with the sound"))},
)

UnrealTextToSpeechBlock = awaited(
    __name__,
    "UnrealTextToSpeechBlock",
    id="4ff1ff6d-cc40-4caa-ae69-011daa20c378",
    description="Has Unreal Speech read a text aloud.",
    categories=(BlockCategory.AI, BlockCategory.TEXT, BlockCategory.MULTIMEDIA),
    disabled=missing("the HTTP egress client and a store of credentials"),
    inputs={
        "text": (str, pin(description="The text")),
        "voice_id": (str, pin("Sierra", description="The voice")),
        "credentials": (credentials_of("unreal_speech", kind="api_key"), pin(description="Unreal Speech API key")),
    },
    outputs={"mp3_url": (str, pin(description="Address of the MP3 file"))},
)
