//! Texts of the area `knowledge`, and of notices.

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("Article does not exist", "文章不存在", "文章不存在", "Статья не существует"),
    english("The notice does not exist", "公告不存在", "公告不存在", "Объявление не существует"),
    english("Title cannot be empty", "标题不能为空", "標題不能為空", "Укажите заголовок"),
    english("Content cannot be empty", "内容不能为空", "內容不能為空", "Укажите содержание"),
    english("Category cannot be empty", "分类不能为空", "分類不能為空", "Укажите категорию"),
    english("Language cannot be empty", "语言不能为空", "語言不能為空", "Укажите язык"),
    english(
        "You must have a valid subscription to view content in this area",
        "您必须拥有有效的订阅才可以查看该区域的内容",
        "您必須擁有有效的訂閱才可以查看該區域的內容",
        "Этот раздел виден только при действующей подписке",
    ),
];
