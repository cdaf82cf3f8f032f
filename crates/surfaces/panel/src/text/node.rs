//! Texts of nodes (specs/panel-nodes.md N4, specs/panel.md §4.3).

use super::{Text, english};

pub(super) const TEXTS: &[Text] = &[
    english("Server does not exist", "节点不存在", "節點不存在", "Сервер не существует"),
    english("The node does not exist", "该节点不存在", "該節點不存在", "Узел не существует"),
    english("The token is wrong", "令牌错误", "令牌錯誤", "Неверный токен"),
    english("The node type is unknown", "未知的节点类型", "未知的節點類型", "Неизвестный тип узла"),
    english("Invalid data format", "数据格式无效", "資料格式無效", "Неверный формат данных"),
    english("The group does not exist", "权限组不存在", "權限組不存在", "Группа не существует"),
    english("The group name cannot be empty", "组名不能为空", "組名不能為空", "Укажите название группы"),
    english("A group of this name exists", "同名权限组已存在", "同名權限組已存在", "Группа с таким названием уже есть"),
    english(
        "The group is in use and cannot be deleted",
        "该组正在使用，无法删除",
        "該組正在使用，無法刪除",
        "Группа используется и не может быть удалена",
    ),
    english("The route does not exist", "路由不存在", "路由不存在", "Маршрут не существует"),
    english("The public name cannot be empty", "公开域名不能为空", "公開網域不能為空", "Укажите открытое имя"),
];
