"""The search attribute that a running execution changes itself."""

from temporalio.common import SearchAttributeKey

from models.visibility import SearchAttribute

STATUS = SearchAttributeKey.for_keyword(SearchAttribute.STATUS.value)
